package dev.kerneltracer.load;

import java.util.Arrays;

/// Numbers as they come, all of them kept.
final class LongSamples {
  private long[] values = new long[64];
  private int count;

  void add(long value) {
    if (count == values.length) {
      values = Arrays.copyOf(values, 2 * count);
    }
    values[count++] = value;
  }

  void addAll(LongSamples others) {
    values = Arrays.copyOf(values, Math.max(values.length, count + others.count));
    System.arraycopy(others.values, 0, values, count, others.count);
    count += others.count;
  }

  Distribution distribution() {
    long[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    return Distribution.ofSorted(sorted);
  }
}
