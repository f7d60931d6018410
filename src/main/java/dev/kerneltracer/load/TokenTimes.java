package dev.kerneltracer.load;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.RandomAccess;

/// Times of tokens without an object for each.
final class TokenTimes extends AbstractList<Long> implements RandomAccess {
  private long[] timesNs = new long[64];
  private int size;

  void add(long timeNs, int count) {
    if (size + count > timesNs.length) {
      timesNs = Arrays.copyOf(timesNs, Math.max(size + count, 2 * timesNs.length));
    }
    Arrays.fill(timesNs, size, size + count, timeNs);
    size += count;
  }

  @Override
  public Long get(int index) {
    return timesNs[java.util.Objects.checkIndex(index, size)];
  }

  @Override
  public int size() {
    return size;
  }
}
