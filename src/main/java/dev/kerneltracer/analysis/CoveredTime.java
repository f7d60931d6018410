package dev.kerneltracer.analysis;

import java.util.Arrays;

/// The union of intervals of time, which come in order of start. Exact: in whole nanoseconds.
final class CoveredTime {
  private long[] starts = new long[64];
  private long[] ends = new long[64];
  // What is covered before each interval.
  private long[] before = new long[64];
  private int size;

  void add(long start, long end) {
    if (size > 0 && start <= ends[size - 1]) {
      ends[size - 1] = Math.max(ends[size - 1], end);
      return;
    }
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, size * 2);
      ends = Arrays.copyOf(ends, size * 2);
      before = Arrays.copyOf(before, size * 2);
    }
    before[size] = totalNs();
    starts[size] = start;
    ends[size] = end;
    size++;
  }

  long totalNs() {
    return size == 0 ? 0 : before[size - 1] + ends[size - 1] - starts[size - 1];
  }

  /// How much of `[from, to)` is covered; 0 where it is empty.
  long withinNs(long from, long to) {
    return to <= from ? 0 : untilNs(to) - untilNs(from);
  }

  private long untilNs(long time) {
    int low = 0;
    int high = size - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (starts[middle] <= time) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high < 0 ? 0 : before[high] + Math.min(time, ends[high]) - starts[high];
  }
}
