package dev.kerneltracer.trace;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// A cursor over JSON text in a window of bytes. Every method leaves [#position] behind what it
/// read, or throws [Stop] with [#position] at the fault. Strings are found eight bytes at a time.
final class JsonBytes {
  /// Bytes that the window's array must hold behind its limit, so that [EventLayout] can always
  /// compare its longest joint.
  static final int PADDING = 32;

  private static final int DEEPEST = 1024;
  private static final long EACH = 0x0101010101010101L;
  private static final long HIGH = 0x8080808080808080L;

  byte[] bytes;
  int position;
  int limit;

  /// The last string without its quotes, or the last number.
  int textFrom;

  int textTo;
  boolean textEscaped;

  /// Of the last number, where it is short enough: its digits as one integer, and how many of them
  /// are decimals.
  boolean numberExact;

  long number;
  int numberPlaces;

  /// Where the first control character or bad UTF-8 since [#forgetOddities] lies; -1 for none.
  int controlAt = -1;

  int badUtf8At = -1;

  private final long[] inObject = new long[DEEPEST / Long.SIZE];
  private final CharsetDecoder utf8 =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private final CharBuffer decoded = CharBuffer.allocate(1024);

  JsonBytes(byte[] bytes, int limit) {
    this.bytes = bytes;
    this.limit = limit;
  }

  void forgetOddities() {
    controlAt = -1;
    badUtf8At = -1;
  }

  /// Whether a control character or bad UTF-8 was met since [#forgetOddities].
  boolean hasOddities() {
    return controlAt >= 0 || badUtf8At >= 0;
  }

  /// Whether nothing but white space lies between `from` and the limit.
  boolean onlySpace(int from) {
    for (int at = from; at < limit; at++) {
      if (!isSpace(bytes[at])) {
        return false;
      }
    }
    return true;
  }

  static boolean isSpace(byte b) {
    return b == ' ' || b == '\n' || b == '\r' || b == '\t';
  }

  /// The next byte that is no white space, not yet consumed.
  byte peek() {
    byte[] b = bytes;
    int at = position;
    while (at < limit) {
      byte next = b[at];
      if (next > ' ' || (next != ' ' && next != '\n' && next != '\r' && next != '\t')) {
        position = at;
        return next;
      }
      at++;
    }
    position = at;
    throw Stop.WINDOW_END;
  }

  void expect(char wanted) {
    if (peek() != wanted) {
      throw Stop.BAD_SYNTAX;
    }
    position++;
  }

  /// Reads a string; the cursor stands at its opening quote.
  void string() {
    byte[] b = bytes;
    int at = position + 1;
    int from = at;
    long seen = 0;
    boolean escaped = false;
    while (true) {
      if (at >= limit) {
        throw Stop.WINDOW_END;
      }
      long eight = ByteHash.eight(b, at);
      long quote = eight ^ (EACH * '"');
      long slash = eight ^ (EACH * '\\');
      long stops =
          (((quote - EACH) & ~quote) | ((slash - EACH) & ~slash) | ((eight - EACH * ' ') & ~eight))
              & HIGH;
      if (stops == 0) {
        seen |= eight;
        at += 8;
        continue;
      }
      int skipped = Long.numberOfTrailingZeros(stops) >>> 3;
      if (skipped > 0) {
        seen |= eight << (64 - (skipped << 3));
      }
      at += skipped;
      if (at >= limit) {
        throw Stop.WINDOW_END;
      }
      byte stop = b[at];
      if (stop == '"') {
        break;
      }
      if (stop == '\\') {
        escaped = true;
        at = escape(at);
      } else {
        if (controlAt < 0) {
          controlAt = at;
        }
        at++;
      }
    }
    if ((seen & HIGH) != 0 && badUtf8At < 0) {
      validateUtf8(from, at);
    }
    textFrom = from;
    textTo = at;
    textEscaped = escaped;
    position = at + 1;
  }

  private int escape(int at) {
    if (at + 1 >= limit) {
      throw Stop.WINDOW_END;
    }
    byte kind = bytes[at + 1];
    if (kind == 'u') {
      return unicodeEscape(at);
    }
    if ("\"\\/bfnrt".indexOf(kind) < 0) {
      position = at;
      throw Stop.BAD_ESCAPE;
    }
    return at + 2;
  }

  private int unicodeEscape(int at) {
    for (int i = at + 2; i < at + 6; i++) {
      if (i >= limit) {
        throw Stop.WINDOW_END;
      }
      if (Character.digit(bytes[i], 16) < 0) {
        position = at;
        throw Stop.BAD_ESCAPE;
      }
    }
    return at + 6;
  }

  private void validateUtf8(int from, int to) {
    ByteBuffer text = ByteBuffer.wrap(bytes, from, to - from);
    utf8.reset();
    while (true) {
      decoded.clear();
      CoderResult result = utf8.decode(text, decoded, true);
      if (result.isError()) {
        badUtf8At = text.position();
        return;
      }
      if (result.isUnderflow()) {
        return;
      }
    }
  }

  /// Skips a value of any kind, without recursion; [#textFrom] and [#textTo] then span it all.
  void skipValue() {
    if (peek() == '[' && skipPlainArray()) {
      return;
    }
    int from = position;
    int depth = 0;
    while (true) {
      byte next = peek();
      if (next == '{' || next == '[') {
        position++;
        if (depth == DEEPEST) {
          throw Stop.TOO_DEEP;
        }
        push(depth++, next == '{');
        byte inner = peek();
        if (inner == (next == '{' ? '}' : ']')) {
          position++;
          depth--;
        } else {
          if (next == '{') {
            key();
          }
          continue;
        }
      } else {
        scalar(next);
      }
      while (depth > 0) {
        boolean object = isObject(depth - 1);
        byte after = peek();
        if (after == ',') {
          position++;
          if (object) {
            key();
          }
          break;
        }
        if (after != (object ? '}' : ']')) {
          throw Stop.BAD_SYNTAX;
        }
        position++;
        depth--;
      }
      if (depth == 0) {
        textFrom = from;
        textTo = position;
        return;
      }
    }
  }

  /// Skips an array of whole numbers, strings without escapes, and arrays of them; false, with
  /// nothing read, where it is anything else or does not end in the window.
  private boolean skipPlainArray() {
    byte[] b = bytes;
    int end = limit;
    int at = position + 1;
    int depth = 1;
    boolean begun = false; // whether an element stands before `at` in its array
    boolean wanted = false; // whether one must come, after a comma
    while (at < end) {
      byte next = b[at];
      if (next == ' ') {
        at++;
      } else if (next == ']' && !wanted) {
        at++;
        if (--depth == 0) {
          textFrom = position;
          textTo = at;
          position = at;
          return true;
        }
        begun = true;
      } else if (next == ',' && begun) {
        at++;
        begun = false;
        wanted = true;
      } else if (begun) {
        return false;
      } else if (next == '[') {
        if (depth++ == DEEPEST) {
          return false;
        }
        at++;
        wanted = false;
      } else {
        at = next == '"' ? plainStringEnd(at + 1) : wholeNumberEnd(at);
        if (at < 0) {
          return false;
        }
        begun = true;
        wanted = false;
      }
    }
    return false;
  }

  private int plainStringEnd(int from) {
    byte[] b = bytes;
    for (int at = from; at < limit; at++) {
      byte next = b[at];
      if (next == '"') {
        return at + 1;
      }
      if (next < ' ' || next == '\\') { // bytes beyond ASCII are negative
        return -1;
      }
    }
    return -1;
  }

  private int wholeNumberEnd(int from) {
    byte[] b = bytes;
    int at = b[from] == '-' ? from + 1 : from;
    int first = at;
    while (at < limit && b[at] >= '0' && b[at] <= '9') {
      at++;
    }
    if (at == first || at >= limit || (b[first] == '0' && at > first + 1)) {
      return -1;
    }
    byte after = b[at];
    return after == ',' || after == ']' || after == ' ' ? at : -1;
  }

  /// Reads a key and its colon.
  void key() {
    if (peek() != '"') {
      throw Stop.BAD_SYNTAX;
    }
    string();
    int from = textFrom;
    int to = textTo;
    boolean escaped = textEscaped;
    expect(':');
    textFrom = from;
    textTo = to;
    textEscaped = escaped;
  }

  /// Reads a string, a number or a word; the cursor stands at its first byte.
  void scalar(byte first) {
    numberExact = false;
    if (first == '"') {
      string();
      return;
    }
    if (plainNumber()) {
      return;
    }
    int from = position;
    int at = from;
    byte[] b = bytes;
    while (at < limit && isScalarByte(b[at])) {
      at++;
    }
    if (at >= limit) {
      throw Stop.WINDOW_END;
    }
    boolean number = (first >= '0' && first <= '9') || first == '-';
    if (at == from || !(number ? isNumber(from, at) : isWord(from, at))) {
      throw Stop.BAD_SYNTAX;
    }
    textFrom = from;
    textTo = at;
    textEscaped = false;
    position = at;
  }

  /// Reads a number without sign and exponent, and its value on the way; false, with nothing read,
  /// where it is anything else.
  private boolean plainNumber() {
    byte[] b = bytes;
    int at = position;
    long value = 0;
    while (at < limit && b[at] >= '0' && b[at] <= '9') {
      value = value * 10 + (b[at] - '0');
      at++;
    }
    int digits = at - position;
    int places = 0;
    if (at < limit && b[at] == '.') {
      at++;
      int first = at;
      while (at < limit && b[at] >= '0' && b[at] <= '9') {
        value = value * 10 + (b[at] - '0');
        at++;
      }
      places = at - first;
      if (places == 0) {
        return false;
      }
    }
    if (digits == 0 || (b[position] == '0' && digits > 1) || at >= limit || isScalarByte(b[at])) {
      return false;
    }
    textFrom = position;
    textTo = at;
    textEscaped = false;
    numberExact = digits <= DecimalNumber.EXACT_DIGITS && places <= 3;
    number = value;
    numberPlaces = places;
    position = at;
    return true;
  }

  private static boolean isScalarByte(byte b) {
    return (b >= '0' && b <= '9')
        || (b >= 'a' && b <= 'z')
        || (b >= 'A' && b <= 'Z')
        || b == '.'
        || b == '-'
        || b == '+';
  }

  /// Whether a text is a number as JSON has it, or Python's `-Infinity`.
  private boolean isNumber(int from, int to) {
    int first = bytes[from] == '-' ? from + 1 : from;
    int at = digitsEnd(first, to);
    if (at == first || (bytes[first] == '0' && at > first + 1)) {
      return equals(from, to, "-Infinity");
    }
    if (at < to && bytes[at] == '.') {
      int point = at;
      at = digitsEnd(point + 1, to);
      if (at == point + 1) {
        return false;
      }
    }
    if (at < to && (bytes[at] == 'e' || bytes[at] == 'E')) {
      boolean signed = at + 1 < to && (bytes[at + 1] == '-' || bytes[at + 1] == '+');
      int exponent = at + (signed ? 2 : 1);
      at = digitsEnd(exponent, to);
      return at == to && at > exponent;
    }
    return at == to;
  }

  private int digitsEnd(int from, int to) {
    int at = from;
    while (at < to && bytes[at] >= '0' && bytes[at] <= '9') {
      at++;
    }
    return at;
  }

  private boolean isWord(int from, int to) {
    return switch (bytes[from]) {
      case 't' -> equals(from, to, "true");
      case 'f' -> equals(from, to, "false");
      case 'n' -> equals(from, to, "null");
      case 'N' -> equals(from, to, "NaN");
      case 'I' -> equals(from, to, "Infinity");
      default -> false;
    };
  }

  boolean equals(int from, int to, String text) {
    if (to - from != text.length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (bytes[from + i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private void push(int depth, boolean object) {
    long bit = 1L << depth;
    if (object) {
      inObject[depth >>> 6] |= bit;
    } else {
      inObject[depth >>> 6] &= ~bit;
    }
  }

  private boolean isObject(int depth) {
    return (inObject[depth >>> 6] & (1L << depth)) != 0;
  }
}
