package dev.kerneltracer.analysis;

import java.util.Arrays;

/// Intervals of time, for the length of their union. Exact: in whole nanoseconds.
final class Intervals {
  private long[] starts = new long[64];
  private long[] ends = new long[64];
  private int size;
  private boolean ordered = true;

  void add(long start, long end) {
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, size * 2);
      ends = Arrays.copyOf(ends, size * 2);
    }
    ordered &= size == 0 || starts[size - 1] <= start;
    starts[size] = start;
    ends[size] = end;
    size++;
  }

  /// The length of the union of all intervals `[start, end)`.
  long unionNs() {
    if (ordered) {
      return unionOfOrdered(starts, ends);
    }
    // Starts and ends may be sorted each for itself: time is busy while more have begun than ended.
    long[] begun = Arrays.copyOf(starts, size);
    long[] ended = Arrays.copyOf(ends, size);
    Arrays.sort(begun);
    Arrays.sort(ended);
    long union = 0;
    long since = 0;
    int open = 0;
    int end = 0;
    for (int start = 0; start < size; start++) {
      while (end < size && ended[end] < begun[start]) {
        if (--open == 0) {
          union += ended[end] - since;
        }
        end++;
      }
      if (open++ == 0) {
        since = begun[start];
      }
    }
    return size == 0 ? 0 : union + ended[size - 1] - since;
  }

  private long unionOfOrdered(long[] from, long[] to) {
    long union = 0;
    long covered = Long.MIN_VALUE;
    for (int i = 0; i < size; i++) {
      if (to[i] > covered) {
        union += to[i] - Math.max(from[i], covered);
        covered = to[i];
      }
    }
    return union;
  }
}
