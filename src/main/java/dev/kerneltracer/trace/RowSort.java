package dev.kerneltracer.trace;

import java.util.Arrays;

/// Sorts rows so that an enclosing row comes before what it encloses: by start, longer first, then
/// outer kinds first, then file order; and finds in rows that are sorted so. A natural merge sort:
/// profilers write each kind of row in order, so that there are few runs to merge.
public final class RowSort {
  private final Events events;
  private final int[] rows;
  private int[] spare = new int[0];

  private RowSort(Events events, int[] rows) {
    this.events = events;
    this.rows = rows;
  }

  /// Sorts `rows[from, to)`; rows that compare equal keep their order.
  public static void outerFirst(Events events, int[] rows, int from, int to) {
    new RowSort(events, rows).sort(from, to);
  }

  /// The index of the last of sorted `rows[from, to)` that starts at a time or before it; `from -
  /// 1` where there is none.
  public static int lastStarting(Events events, int[] rows, int from, int to, long timeNs) {
    int low = from;
    int high = to - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (events.startNs(rows[middle]) <= timeNs) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  private void sort(int from, int to) {
    int[] runs = new int[64];
    int count = 0;
    for (int start = from; start < to; count++) {
      if (count + 1 == runs.length) {
        runs = Arrays.copyOf(runs, runs.length * 2);
      }
      runs[count] = start;
      start = runEnd(start, to);
    }
    runs[count] = to;
    while (count > 1) {
      int merged = 0;
      for (int i = 0; i < count; i += 2) {
        runs[merged++] = runs[i];
        if (i + 1 < count) {
          merge(runs[i], runs[i + 1], runs[i + 2]);
        }
      }
      runs[merged] = to;
      count = merged;
    }
  }

  private int runEnd(int from, int to) {
    int at = from + 1;
    while (at < to && ordered(rows[at - 1], rows[at])) {
      at++;
    }
    return at;
  }

  private void merge(int from, int middle, int to) {
    int left = middle - from;
    if (spare.length < left) {
      spare = new int[left];
    }
    System.arraycopy(rows, from, spare, 0, left);
    int a = 0;
    int b = middle;
    int out = from;
    while (a < left && b < to) {
      rows[out++] = ordered(spare[a], rows[b]) ? spare[a++] : rows[b++];
    }
    System.arraycopy(spare, a, rows, out, left - a);
  }

  private boolean ordered(int first, int second) {
    long a = events.startNs(first);
    long b = events.startNs(second);
    if (a != b) {
      return a < b;
    }
    a = events.endNs(first);
    b = events.endNs(second);
    if (a != b) {
      return a > b;
    }
    return rank(events.category(first)) <= rank(events.category(second));
  }

  private static int rank(Category category) {
    return switch (category) {
      case PROFILER_SPAN, OTHER -> 0;
      case ANNOTATION, GPU_ANNOTATION -> 1;
      case PYTHON_FUNCTION, MODULE -> 2;
      case OPERATOR -> 3;
      case RUNTIME -> 4;
      case KERNEL, MEMCPY, MEMSET -> 5;
    };
  }
}
