package dev.kerneltracer.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Whole numbers as a user names them: `3-7,9`.
public record NumberRanges(List<Range> ranges) {
  private static final Pattern RANGE = Pattern.compile("(\\d{1,9})(?:-(\\d{1,9}))?");

  public NumberRanges {
    ranges = List.copyOf(ranges);
  }

  /// All numbers from `first` to `last`.
  public record Range(int first, int last) {}

  /// Reads `3-7,9`.
  ///
  /// @throws IllegalArgumentException where the text is something else
  public static NumberRanges parse(String text) {
    List<Range> ranges = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      Matcher range = RANGE.matcher(part.strip());
      if (!range.matches()) {
        throw new IllegalArgumentException("'" + text + "' is not of the form 3-7,9");
      }
      int first = Integer.parseInt(range.group(1));
      int last = range.group(2) == null ? first : Integer.parseInt(range.group(2));
      if (last < first) {
        throw new IllegalArgumentException("'" + part.strip() + "' counts backwards");
      }
      ranges.add(new Range(first, last));
    }
    return new NumberRanges(ranges);
  }

  /// The shortest form of some numbers.
  static NumberRanges of(SortedSet<Integer> numbers) {
    List<Range> ranges = new ArrayList<>();
    for (int number : numbers) {
      if (!ranges.isEmpty() && ranges.getLast().last == number - 1) {
        ranges.set(ranges.size() - 1, new Range(ranges.getLast().first, number));
      } else {
        ranges.add(new Range(number, number));
      }
    }
    return new NumberRanges(ranges);
  }

  public boolean has(long number) {
    for (Range range : ranges) {
      if (range.first <= number && number <= range.last) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    List<String> parts = new ArrayList<>();
    for (Range range : ranges) {
      parts.add(range.first == range.last ? "" + range.first : range.first + "-" + range.last);
    }
    return String.join(",", parts);
  }
}
