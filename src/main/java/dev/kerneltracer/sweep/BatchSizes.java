package dev.kerneltracer.sweep;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Numbers as an option lists them: `1,3,8..256` doubles from 8 to 256, `1..256:2` goes by steps of
/// 2; the end of a range always belongs to it.
public final class BatchSizes {
  private static final int LARGEST = 1 << 20;
  private static final int MOST = 4096;
  private static final Pattern PART =
      Pattern.compile("(\\d{1,9})(?:\\.\\.(\\d{1,9})(?::(\\d{1,9}))?)?");

  private BatchSizes() {}

  /// The numbers in order, each once.
  ///
  /// @param option whose value it is, for messages
  /// @throws UserException where it is no such list
  public static List<Integer> parse(String option, String text) {
    TreeSet<Integer> sizes = new TreeSet<>();
    for (String part : text.split(",", -1)) {
      Matcher range = PART.matcher(part.strip());
      if (!range.matches()) {
        throw wrong(option, "takes numbers and ranges, not '" + part.strip() + "'");
      }
      int from = number(option, range.group(1));
      if (range.group(2) == null) {
        sizes.add(from);
        continue;
      }
      int to = number(option, range.group(2));
      int step = range.group(3) == null ? 0 : number(option, range.group(3));
      if (to < from) {
        throw wrong(option, "has a range that runs backwards: '" + part.strip() + "'");
      }
      for (int at = from; at < to && sizes.size() <= MOST; at = step == 0 ? at * 2 : at + step) {
        sizes.add(at);
      }
      sizes.add(to);
    }
    if (sizes.size() > MOST) {
      throw wrong(option, "names more than " + MOST + " sizes");
    }
    return List.copyOf(sizes);
  }

  private static int number(String option, String digits) {
    int number = Integer.parseInt(digits);
    if (number < 1 || number > LARGEST) {
      throw wrong(option, "takes numbers from 1 to " + LARGEST + ", not " + digits);
    }
    return number;
  }

  private static UserException wrong(String option, String message) {
    return new UserException(
        ExitCode.USAGE,
        option + " " + message,
        "As in "
            + option
            + " 1,3,8..256 (doubles from 8 on) or "
            + option
            + " 1..256:2 (by steps).");
  }
}
