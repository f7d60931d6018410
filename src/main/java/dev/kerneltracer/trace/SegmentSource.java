package dev.kerneltracer.trace;

import java.io.IOException;

/// Cuts the text into segments, if possible where an event begins: at a brace that follows the
/// brace of another object and a comma. Whether an event really begins there is not known before
/// all that comes earlier has been read.
final class SegmentSource {
  /// How far back from a segment's end a place to cut is looked for.
  private static final int FARTHEST_BACK = 1 << 16;

  private final TextSource in;
  private final byte[] carry = new byte[FARTHEST_BACK];
  private int carried;
  private boolean cutAtEvent;
  private long count;

  SegmentSource(TextSource in) {
    this.in = in;
  }

  /// Fills a segment with the next text; false at the end of it.
  boolean next(Segment segment) throws IOException {
    System.arraycopy(carry, 0, segment.bytes, 0, carried);
    int length = carried;
    carried = 0;
    while (length < Segment.SIZE) {
      int read = in.read(segment.bytes, length, Segment.SIZE - length);
      if (read < 0) {
        break;
      }
      length += read;
    }
    segment.faults.clear();
    in.faults().moveTo(segment.faults);
    if (length == 0 && segment.faults.isEmpty()) {
      return false;
    }
    segment.index = count++;
    segment.atEvent = cutAtEvent;
    int cut = length == Segment.SIZE ? lastEventStart(segment.bytes, length) : -1;
    cutAtEvent = cut > 0;
    segment.limit = cut > 0 ? cut : length;
    carried = length - segment.limit;
    System.arraycopy(segment.bytes, segment.limit, carry, 0, carried);
    return true;
  }

  private static int lastEventStart(byte[] bytes, int length) {
    for (int at = length - 1; at > length - FARTHEST_BACK; at--) {
      if (bytes[at] == '{' && followsAnObject(bytes, at)) {
        return at;
      }
    }
    return -1;
  }

  private static boolean followsAnObject(byte[] bytes, int brace) {
    int at = brace - 1;
    while (at > 0 && isSpace(bytes[at])) {
      at--;
    }
    if (at <= 0 || bytes[at] != ',') {
      return false;
    }
    at--;
    while (at > 0 && isSpace(bytes[at])) {
      at--;
    }
    return bytes[at] == '}';
  }

  private static boolean isSpace(byte b) {
    return b == ' ' || b == '\n' || b == '\r' || b == '\t';
  }

  void close() throws IOException {
    in.close();
  }
}
