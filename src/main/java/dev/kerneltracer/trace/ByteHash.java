package dev.kerneltracer.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Eight bytes at a time.
final class ByteHash {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long PRIME = 0x9E3779B97F4A7C15L;

  private ByteHash() {}

  /// The eight bytes at `at`, the first in the lowest bits; all eight must lie in the array.
  static long eight(byte[] bytes, int at) {
    return (long) LONGS.get(bytes, at);
  }

  static int of(byte[] bytes, int from, int to) {
    long hash = (long) to - from;
    int at = from;
    for (; at + 8 <= to; at += 8) {
      hash = mix(hash ^ eight(bytes, at));
    }
    long rest = 0;
    for (int shift = 0; at < to; at++, shift += 8) {
      rest |= (bytes[at] & 0xFFL) << shift;
    }
    hash = mix(hash ^ rest);
    return (int) (hash ^ (hash >>> 32));
  }

  static long mix(long value) {
    long mixed = value * PRIME;
    return mixed ^ (mixed >>> 29);
  }
}
