package dev.kerneltracer.trace;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;

/// Numbers read exactly from their decimal text, never through a double.
final class DecimalNumber {
  /// What [#nanoseconds] gives for a text that is no finite time within a long.
  static final long UNUSABLE = Long.MIN_VALUE;

  /// So many digits before the point, with three behind it, always fit a long.
  static final int EXACT_DIGITS = 15;

  private static final int LONGEST = 64;
  private static final int LONG_DIGITS = 19;

  private DecimalNumber() {}

  /// Microseconds with decimals, as nanoseconds; decimals beyond the third are rounded. For what
  /// [JsonBytes] has not read on the way: signs, exponents, many digits, numbers in quotes.
  static long nanoseconds(byte[] text, int from, int to) {
    if (to - from > LONGEST || to == from) {
      return UNUSABLE;
    }
    try {
      BigDecimal micros =
          new BigDecimal(new String(text, from, to - from, StandardCharsets.ISO_8859_1));
      long magnitude = (long) micros.precision() - micros.scale();
      if (micros.signum() == 0 || magnitude < -LONG_DIGITS) {
        return 0;
      }
      if (magnitude > LONG_DIGITS) {
        return UNUSABLE;
      }
      return micros.movePointRight(3).setScale(0, RoundingMode.HALF_UP).longValueExact();
    } catch (ArithmeticException | NumberFormatException e) {
      return UNUSABLE;
    }
  }

  /// An id: an integer of at most 64 bits, else what is left of it modulo 2^64. Decimals and
  /// anything that is no number count as nothing.
  static long id(byte[] text, int from, int to) {
    int at = from;
    boolean negative = at < to && text[at] == '-';
    if (negative) {
      at++;
    }
    long value = 0;
    while (at < to && isDigit(text[at])) {
      value = value * 10 + (text[at] - '0');
      at++;
    }
    return negative ? -value : value;
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }
}
