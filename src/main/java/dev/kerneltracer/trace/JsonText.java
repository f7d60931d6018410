package dev.kerneltracer.trace;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/// Turns a string with JSON escapes, already found valid, into the text it stands for; half of a
/// surrogate pair reads as U+FFFD.
final class JsonText {
  private JsonText() {}

  static byte[] unescape(byte[] bytes, int from, int to) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(to - from);
    int at = from;
    while (at < to) {
      byte b = bytes[at];
      if (b != '\\') {
        out.write(b);
        at++;
        continue;
      }
      byte kind = bytes[at + 1];
      if (kind != 'u') {
        out.write(plain(kind));
        at += 2;
        continue;
      }
      StringBuilder units = new StringBuilder();
      while (at + 6 <= to && bytes[at] == '\\' && bytes[at + 1] == 'u') {
        String hex = new String(bytes, at + 2, 4, StandardCharsets.ISO_8859_1);
        units.append((char) Integer.parseInt(hex, 16));
        at += 6;
      }
      units
          .codePoints()
          .map(point -> Character.getType(point) == Character.SURROGATE ? '\uFFFD' : point)
          .forEach(
              point -> out.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8)));
    }
    return out.toByteArray();
  }

  private static int plain(byte kind) {
    return switch (kind) {
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      default -> kind;
    };
  }
}
