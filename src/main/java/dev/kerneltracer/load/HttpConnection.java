package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// One connection, with what has been read of it and not used. HTTP/1.1 (RFC 9112) as far as a
/// client needs it: an answer's head, and its body by length, by chunks or to the connection's end.
final class HttpConnection {
  private static final int MOST_HEAD_BYTES = 1 << 16;
  private static final String BROKEN = "the connection broke off in the middle of the answer";
  private static final long UNTIL_END = Long.MAX_VALUE;

  private final Socket raw;
  private final InputStream in;
  private final OutputStream out;
  private final byte[] buffer = new byte[1 << 13];
  private int from;
  private int to;

  /// When the bytes in the buffer came; watched from another thread.
  private volatile long readAtNanoTime;

  /// What of the body, or of its present chunk, is still to come.
  private long left;

  private boolean chunked;
  private boolean chunkEnds;
  private boolean bodyEnded;
  private boolean reusable;
  private boolean answered;
  private long idleSinceNanoTime;

  /// @param raw what is closed
  /// @param socket what is spoken through: the same, or TLS on top of it
  HttpConnection(Socket raw, Socket socket) throws IOException {
    this.raw = raw;
    this.in = socket.getInputStream();
    this.out = socket.getOutputStream();
  }

  /// The status line and the fields that matter here.
  record Head(int status, String contentType, String retryAfter) {}

  void send(byte[] head, byte[] body) throws IOException {
    bodyEnded = false;
    answered = false;
    byte[] all = new byte[head.length + body.length];
    System.arraycopy(head, 0, all, 0, head.length);
    System.arraycopy(body, 0, all, head.length, body.length);
    out.write(all);
    out.flush();
  }

  /// Reads the head of an answer; informational ones are passed over.
  ///
  /// @return null where the connection ended before a byte of it
  @Nullable Head readHead() throws IOException, HttpFailure {
    while (true) {
      String status = lineOrEnd();
      if (status == null) {
        return null;
      }
      String[] words = status.split(" ", 3);
      if (words.length < 2 || !words[0].startsWith("HTTP/1.")) {
        throw new HttpFailure(Status.ERROR, "not an answer in HTTP/1.1: " + shown(status));
      }
      int code = (int) Math.min(number(words[1], 10, status), 999);
      boolean keep = words[0].equals("HTTP/1.1");
      long length = -1;
      boolean chunks = false;
      String contentType = "";
      String retryAfter = "";
      int headBytes = 0;
      for (String field = line(); !field.isEmpty(); field = line()) {
        headBytes += field.length();
        if (headBytes > MOST_HEAD_BYTES) {
          throw new HttpFailure(Status.ERROR, "the head of the answer is longer than 64 KiB");
        }
        int colon = field.indexOf(':');
        String name = colon < 0 ? "" : field.substring(0, colon).toLowerCase(Locale.ROOT);
        String value = field.substring(colon + 1).strip();
        switch (name) {
          case "content-length" -> length = number(value, 10, field);
          case "transfer-encoding" -> chunks = value.toLowerCase(Locale.ROOT).endsWith("chunked");
          case "content-type" -> contentType = value.toLowerCase(Locale.ROOT);
          case "retry-after" -> retryAfter = value;
          case "connection" -> keep = !value.equalsIgnoreCase("close") && keep;
          default -> {}
        }
      }
      if (code / 100 == 1) {
        continue;
      }
      chunked = chunks;
      chunkEnds = false;
      left = chunks ? 0 : length >= 0 ? length : UNTIL_END;
      bodyEnded = code == 204 || code == 304 || (left == 0 && !chunks);
      reusable = keep && left != UNTIL_END;
      return new Head(code, contentType, retryAfter);
    }
  }

  /// Some bytes of the body, at least one.
  ///
  /// @return -1 at its end
  int readBody(byte[] target, int at, int most) throws IOException, HttpFailure {
    if (bodyEnded || (chunked && left == 0 && !nextChunk())) {
      return -1;
    }
    if (from == to && !fill()) {
      if (left == UNTIL_END) {
        bodyEnded = true;
        return -1;
      }
      throw new HttpFailure(Status.CUT, BROKEN);
    }
    int count = (int) Math.min(Math.min(most, to - from), left);
    System.arraycopy(buffer, from, target, at, count);
    from += count;
    if (left != UNTIL_END) {
      left -= count;
      if (left == 0) {
        // A chunk's end is read when more is wanted: what has come is not kept waiting for it.
        chunkEnds = chunked;
        bodyEnded = !chunked;
      }
    }
    return count;
  }

  private boolean nextChunk() throws IOException, HttpFailure {
    if (chunkEnds && !line().isEmpty()) {
      throw new HttpFailure(Status.ERROR, "a chunk is longer than it says");
    }
    chunkEnds = false;
    String size = line();
    int extension = size.indexOf(';');
    left = number((extension < 0 ? size : size.substring(0, extension)).strip(), 16, size);
    if (left > 0) {
      return true;
    }
    while (!line().isEmpty()) {
      // Trailer fields say nothing here.
    }
    bodyEnded = true;
    return false;
  }

  /// Whether another request can be sent: the answer has been read to its end.
  boolean isReusable() {
    return bodyEnded && reusable && from == to;
  }

  /// What a thread that ends it closes.
  Socket socket() {
    return raw;
  }

  /// Whether it carried a request before, and not a byte came in answer to the present one: the
  /// server may have closed it before it saw that.
  boolean mayHaveBeenStale() {
    return idleSinceNanoTime != 0 && !answered;
  }

  void keep() {
    idleSinceNanoTime = System.nanoTime();
  }

  long idleNs() {
    return System.nanoTime() - idleSinceNanoTime;
  }

  long readAtNanoTime() {
    return readAtNanoTime;
  }

  /// Ends it, also under a thread that reads; TLS is not told, since that may block.
  void close() {
    try {
      raw.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  private boolean fill() throws IOException {
    int count = in.read(buffer, 0, buffer.length);
    readAtNanoTime = System.nanoTime();
    from = 0;
    to = Math.max(0, count);
    answered |= count > 0;
    return count > 0;
  }

  private String line() throws IOException, HttpFailure {
    String line = lineOrEnd();
    if (line == null) {
      throw new HttpFailure(Status.CUT, BROKEN);
    }
    return line;
  }

  /// A line without its end.
  ///
  /// @return null where nothing at all comes
  private @Nullable String lineOrEnd() throws IOException, HttpFailure {
    StringBuilder line = new StringBuilder();
    while (true) {
      if (from == to && !fill()) {
        if (line.isEmpty()) {
          return null;
        }
        throw new HttpFailure(Status.CUT, BROKEN);
      }
      int end = from;
      while (end < to && buffer[end] != '\n') {
        end++;
      }
      line.append(new String(buffer, from, end - from, StandardCharsets.ISO_8859_1));
      if (line.length() > MOST_HEAD_BYTES) {
        throw new HttpFailure(Status.ERROR, "a line of the answer's head is longer than 64 KiB");
      }
      if (end == to) {
        from = to;
        continue;
      }
      from = end + 1;
      int length = line.length();
      if (length > 0 && line.charAt(length - 1) == '\r') {
        line.setLength(length - 1);
      }
      return line.toString();
    }
  }

  private static long number(String text, int radix, String line) throws HttpFailure {
    try {
      long number = Long.parseLong(text, radix);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Told below.
    }
    throw new HttpFailure(Status.ERROR, "not an answer in HTTP/1.1: " + shown(line));
  }

  private static String shown(String line) {
    StringBuilder shown = new StringBuilder();
    line.chars().limit(60).forEach(c -> shown.append(c < ' ' || c > '~' ? '?' : (char) c));
    return "'" + shown + "'";
  }
}
