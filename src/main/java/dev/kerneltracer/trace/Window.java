package dev.kerneltracer.trace;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/// The part of the inflated text that is in memory: it moves on, and grows where one value needs
/// more room.
final class Window {
  private static final int FIRST = 1 << 20;
  private static final int LARGEST = 1 << 26;

  private final InputStream in;
  private long offset;
  private boolean inputEnded;

  /// The cursor over what is in memory.
  final JsonBytes json = new JsonBytes(new byte[FIRST + JsonBytes.PADDING], 0);

  Window(InputStream in) {
    this.in = in;
  }

  /// Drops what lies before `keepFrom` and reads more behind the rest. The cursor then stands at
  /// what was `keepFrom`, whatever the answer: whether more came.
  boolean move(int keepFrom) throws IOException {
    json.position = keepFrom;
    if (inputEnded) {
      return false;
    }
    int kept = json.limit - keepFrom;
    int capacity = json.bytes.length - JsonBytes.PADDING;
    byte[] bytes = json.bytes;
    if (kept > capacity / 2) {
      if (capacity >= LARGEST) {
        return false;
      }
      capacity *= 2;
      bytes = Arrays.copyOf(bytes, capacity + JsonBytes.PADDING);
    }
    System.arraycopy(json.bytes, keepFrom, bytes, 0, kept);
    offset += keepFrom;
    json.bytes = bytes;
    json.position = 0;
    json.limit = kept;
    int read = in.read(bytes, kept, capacity - kept);
    if (read <= 0) {
      inputEnded = true;
      return false;
    }
    json.limit += read;
    return true;
  }

  /// Whether the input is exhausted; what is in memory may still be unread.
  boolean inputEnded() {
    return inputEnded;
  }

  /// Where a position of the cursor lies in the whole text.
  long offset(int position) {
    return offset + position;
  }

  void skipRest() throws IOException {
    while (move(json.limit)) {
      json.position = json.limit;
    }
  }

  long bytesRead() {
    return offset + json.limit;
  }
}
