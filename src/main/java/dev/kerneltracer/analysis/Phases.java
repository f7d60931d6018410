package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The prefill and decode steps that the probe marked in the trace, in time order. A mark is an
/// annotation on the CPU, such as `kerneltracer.decode step=3 batch=1`; the rows of the same name
/// on the device are none. Device work belongs to the mark in which it was launched, wherever it
/// runs.
public record Phases(List<Mark> marks) {
  private static final Pattern NAME =
      Pattern.compile("kerneltracer\\.(prefill|decode|forward)((?: \\w+=\\d{1,9})*)");
  private static final Pattern NUMBER = Pattern.compile(" (\\w+)=(\\d+)");

  public Phases {
    marks = List.copyOf(marks);
  }

  public enum Phase {
    PREFILL,
    DECODE,
    FORWARD
  }

  /// One marked step.
  ///
  /// @param step the number of a decode step; -1 for other phases
  /// @param batch how many sequences; -1 where the mark does not say
  /// @param tokens how many tokens per sequence; -1 where the mark does not say
  /// @param operatorCalls operators of the process that start within the mark
  /// @param kernels kernels launched within it
  /// @param kernelTimeNs the plain sum of their durations
  /// @param busyNs the union of the kernels, copies and fills launched within it, over the devices
  public record Mark(
      Phase phase,
      int step,
      int batch,
      int tokens,
      long startNs,
      long spanNs,
      long operatorCalls,
      long kernels,
      long kernelTimeNs,
      long busyNs) {}

  public static Phases of(Trace trace, TraceLinks links) {
    return new Builder(trace, links).build();
  }

  private static final class Open {
    final int row;
    final int process;
    final Matcher name;
    final BusyTime busy;
    long operatorCalls;
    long kernels;
    long kernelTime;

    Open(int row, int process, Matcher name, BusyTime busy) {
      this.row = row;
      this.process = process;
      this.name = name;
      this.busy = busy;
    }
  }

  private static final class Builder {
    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final List<Open> marks = new ArrayList<>();

    Builder(Trace trace, TraceLinks links) {
      this.trace = trace;
      this.events = trace.events();
      this.links = links;
    }

    Phases build() {
      findMarks();
      if (marks.isEmpty()) {
        return new Phases(List.of());
      }
      for (int row = 0; row < events.size(); row++) {
        Category category = events.category(row);
        if (category == Category.OPERATOR) {
          int mark = markAt(row);
          if (mark >= 0 && marks.get(mark).row != row) {
            marks.get(mark).operatorCalls++;
          }
        } else if (category.isDeviceWork() && links.launch(row) >= 0) {
          int mark = markAt(links.launch(row));
          if (mark >= 0) {
            addDeviceWork(marks.get(mark), row, category);
          }
        }
      }
      List<Mark> result = new ArrayList<>(marks.size());
      for (Open open : marks) {
        result.add(close(open));
      }
      return new Phases(result);
    }

    private void findMarks() {
      for (int row = 0; row < events.size(); row++) {
        Category category = events.category(row);
        // Kinetos of before 2022 have the annotations of users among the operators.
        if (category == Category.ANNOTATION || category == Category.OPERATOR) {
          String text = events.name(row);
          if (text.startsWith("kerneltracer.")) {
            Matcher name = NAME.matcher(text);
            if (name.matches()) {
              marks.add(new Open(row, events.process(row), name, new BusyTime(trace)));
            }
          }
        }
      }
      marks.sort(Comparator.comparingLong(open -> events.startNs(open.row)));
    }

    /// The last mark to begin before a row, if it is still open when the row begins.
    private int markAt(int row) {
      long start = events.startNs(row);
      int low = 0;
      int high = marks.size() - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        if (events.startNs(marks.get(middle).row) <= start) {
          low = middle + 1;
        } else {
          high = middle - 1;
        }
      }
      return high >= 0
              && start < events.endNs(marks.get(high).row)
              && marks.get(high).process == events.process(row)
          ? high
          : -1;
    }

    private void addDeviceWork(Open mark, int row, Category category) {
      mark.busy.add(row);
      if (category == Category.KERNEL) {
        mark.kernels++;
        mark.kernelTime += events.durationNs(row);
      }
    }

    private Mark close(Open open) {
      Phase phase =
          switch (open.name.group(1)) {
            case "prefill" -> Phase.PREFILL;
            case "decode" -> Phase.DECODE;
            default -> Phase.FORWARD;
          };
      return new Mark(
          phase,
          number(open, "step"),
          number(open, "batch"),
          number(open, "tokens"),
          events.startNs(open.row),
          events.durationNs(open.row),
          open.operatorCalls,
          open.kernels,
          open.kernelTime,
          open.busy.sumNs());
    }

    private static int number(Open open, String key) {
      Matcher numbers = NUMBER.matcher(open.name.group(2));
      while (numbers.find()) {
        if (numbers.group(1).equals(key)) {
          return Integer.parseInt(numbers.group(2));
        }
      }
      return -1;
    }
  }
}
