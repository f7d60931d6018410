package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.io.IOException;
import java.util.Arrays;

/// The data of server-sent events (HTML Living Standard, section 9.2) as they come: lines that
/// begin with `data:`, whatever way the bytes were cut. Comments and other fields are passed over.
/// OpenAI's interface puts each message into one line, so that lines of one event are not joined.
final class EventLines {
  private static final int MOST_LINE_BYTES = 8 << 20;
  private static final long MOST_BYTES = 64L << 20;

  private final HttpConnection connection;
  private byte[] buffer = new byte[1 << 12];
  private int from;
  private int to;
  private int scanned;
  private long seenBytes;
  private int dataAt;
  private int dataLength;

  EventLines(HttpConnection connection) {
    this.connection = connection;
  }

  /// Reads to the next line of data, which [#bytes()] holds then.
  ///
  /// @return false at the end of the answer
  boolean next() throws IOException, HttpFailure {
    while (true) {
      int end = scanned;
      while (end < to && buffer[end] != '\n' && buffer[end] != '\r') {
        end++;
      }
      scanned = end;
      if (end == to) {
        if (!more()) {
          return false;
        }
        continue;
      }
      int start = from;
      from = end + 1;
      scanned = from;
      if (isData(start, end)) {
        return true;
      }
    }
  }

  byte[] bytes() {
    return buffer;
  }

  int at() {
    return dataAt;
  }

  int length() {
    return dataLength;
  }

  private boolean isData(int start, int end) {
    if (end - start < 5
        || buffer[start] != 'd'
        || buffer[start + 1] != 'a'
        || buffer[start + 2] != 't'
        || buffer[start + 3] != 'a'
        || buffer[start + 4] != ':') {
      return false;
    }
    dataAt = start + 5;
    if (dataAt < end && buffer[dataAt] == ' ') {
      dataAt++;
    }
    dataLength = end - dataAt;
    return dataLength > 0;
  }

  private boolean more() throws IOException, HttpFailure {
    if (from > 0) {
      System.arraycopy(buffer, from, buffer, 0, to - from);
      to -= from;
      scanned -= from;
      from = 0;
    }
    if (to == buffer.length) {
      if (to >= MOST_LINE_BYTES) {
        throw new HttpFailure(Status.ERROR, "a line of the stream is longer than 8 MiB");
      }
      buffer = Arrays.copyOf(buffer, buffer.length * 2);
    }
    int count = connection.readBody(buffer, to, buffer.length - to);
    if (count < 0) {
      return false;
    }
    to += count;
    seenBytes += count;
    if (seenBytes > MOST_BYTES) {
      throw new HttpFailure(Status.ERROR, "the answer is longer than 64 MiB");
    }
    return true;
  }
}
