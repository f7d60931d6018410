package dev.kerneltracer.trace;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Names data that are no trace by how they begin, and says what to do with them.
final class ForeignData {
  /// How much of the beginning is looked at: a tar archive shows itself by its 263rd byte.
  static final int HEAD = 512;

  private static final int TAR_MARK = 257;

  private ForeignData() {}

  /// What the data are; null where they are nothing known.
  static @Nullable String name(byte[] head) {
    String text = new String(head, StandardCharsets.ISO_8859_1);
    if (text.startsWith("(\u00B5/\u00FD")) {
      return packed("zstd data", "zstd -dc FILE");
    }
    if (text.startsWith("\u00FD7zXZ\0")) {
      return packed("xz data", "xz -dc FILE");
    }
    if (text.startsWith("BZh")) {
      return packed("bzip2 data", "bzip2 -dc FILE");
    }
    if (text.startsWith("\u0004\"M\u0018")) {
      return packed("lz4 data", "lz4 -dc FILE");
    }
    if (text.startsWith("PK\u0003\u0004")) {
      return packed("a zip archive", "unzip -p FILE");
    }
    if (text.startsWith("\u001F\u008B")) {
      return packed("gzip data within gzip data", "gzip -dc FILE");
    }
    if (text.startsWith("ustar", TAR_MARK)) {
      return packed("a tar archive", "tar -xOf FILE");
    }
    if (text.startsWith("%PDF-")) {
      return "it is a PDF file";
    }
    if (text.startsWith("\u007FELF")) {
      return "it is an ELF program or library";
    }
    if (text.startsWith("SQLite format 3\0")) {
      return "it is an SQLite database, as Nsight Systems exports one";
    }
    if (isUtf16(text)) {
      return packed("UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE").replace("unpack", "convert");
    }
    String start = text.strip().toLowerCase(Locale.ROOT);
    if (start.startsWith("<!doctype html") || start.startsWith("<html")) {
      return "it is an HTML page, perhaps an error message of the server it came from";
    }
    return start.startsWith("<") ? "it is XML" : null;
  }

  private static String packed(String what, String command) {
    return "it is " + what + "; unpack it first: " + command + " | kerneltracer analyze -";
  }

  private static boolean isUtf16(String text) {
    return text.startsWith("\u00FF\u00FE")
        || text.startsWith("\u00FE\u00FF")
        || text.startsWith("{\0")
        || text.startsWith("[\0")
        || text.startsWith("\0{")
        || text.startsWith("\0[");
  }
}
