package dev.kerneltracer.trace;

import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/// Cuts the text into segments, if possible where an event begins: at a brace that follows the
/// brace of another object and a comma. Whether an event really begins there is not known before
/// all that comes earlier has been read.
final class SegmentSource {
  private static final int START = Segment.TAKEN_OVER;

  private final InputStream in;
  private final int fullEnd;
  private final byte[] last = new byte[START];
  private int carried;
  private boolean cutAtEvent;
  private long count;
  private @Nullable TextSource text;

  SegmentSource(InputStream in, int segmentSize) {
    this.in = in;
    this.fullEnd = START + segmentSize;
  }

  /// Fills a segment with the next text; false at the end of it.
  boolean next(Segment segment) throws IOException {
    TextSource source = text();
    System.arraycopy(last, 0, segment.bytes, 0, START);
    int end = START;
    while (end < fullEnd) {
      int read = source.read(segment.bytes, end, fullEnd - end);
      if (read < 0) {
        break;
      }
      end += read;
    }
    segment.faults.clear();
    source.faults().moveTo(segment.faults);
    segment.from = START - carried;
    carried = 0;
    if (end == segment.from && segment.faults.isEmpty()) {
      return false;
    }
    segment.index = count++;
    segment.atEvent = cutAtEvent;
    int cut = end == fullEnd ? lastEventStart(segment.bytes) : -1;
    cutAtEvent = cut > 0;
    segment.limit = cut > 0 ? cut : end;
    carried = end - segment.limit;
    if (end == fullEnd) {
      System.arraycopy(segment.bytes, fullEnd - START, last, 0, START);
    }
    return true;
  }

  /// Opened by whoever reads first, so that a pipe that delivers nothing keeps no one else waiting.
  private TextSource text() throws IOException {
    TextSource opened = text;
    if (opened == null) {
      opened = TextSource.of(in);
      text = opened;
    }
    return opened;
  }

  private int lastEventStart(byte[] bytes) {
    for (int at = fullEnd - 1; at > Math.max(START, fullEnd - START); at--) {
      if (bytes[at] == '{' && followsAnObject(bytes, at)) {
        return at;
      }
    }
    return -1;
  }

  private static boolean followsAnObject(byte[] bytes, int brace) {
    int at = brace - 1;
    while (at > 0 && JsonBytes.isSpace(bytes[at])) {
      at--;
    }
    if (at <= 0 || bytes[at] != ',') {
      return false;
    }
    at--;
    while (at > 0 && JsonBytes.isSpace(bytes[at])) {
      at--;
    }
    return bytes[at] == '}';
  }

  void close() throws IOException {
    in.close();
  }
}
