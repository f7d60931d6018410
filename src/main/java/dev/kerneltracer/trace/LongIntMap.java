package dev.kerneltracer.trace;

/// Long keys to non-negative ints, without boxing. The first value of a key stays.
public final class LongIntMap {
  public static final int ABSENT = -1;

  private long[] keys;
  private int[] values;
  private int size;

  public LongIntMap(int expected) {
    int capacity = Integer.highestOneBit(Math.max(16, Math.min(expected, 1 << 28) * 2)) * 2;
    keys = new long[capacity];
    values = new int[capacity];
  }

  /// Two ints as one key.
  public static long key(int high, int low) {
    return ((long) high << 32) | (low & 0xFFFFFFFFL);
  }

  /// The value kept under `key`: an earlier one, else `value`.
  public int putIfAbsent(long key, int value) {
    if (size * 2 > keys.length) {
      grow();
    }
    int slot = slot(key);
    if (values[slot] != 0) {
      return values[slot] - 1;
    }
    keys[slot] = key;
    values[slot] = value + 1;
    size++;
    return value;
  }

  public int get(long key) {
    return values[slot(key)] - 1;
  }

  public int size() {
    return size;
  }

  private int slot(long key) {
    int mask = keys.length - 1;
    // Folded first: keys may differ in their highest bits alone, which multiplying moves out.
    int slot = (int) ByteHash.mix(key ^ (key >>> 32)) & mask;
    while (values[slot] != 0 && keys[slot] != key) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private void grow() {
    long[] oldKeys = keys;
    int[] oldValues = values;
    keys = new long[oldKeys.length * 2];
    values = new int[oldKeys.length * 2];
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldValues[i] != 0) {
        int slot = slot(oldKeys[i]);
        keys[slot] = oldKeys[i];
        values[slot] = oldValues[i];
      }
    }
  }
}
