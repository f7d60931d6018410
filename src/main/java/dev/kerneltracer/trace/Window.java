package dev.kerneltracer.trace;

import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The part of the inflated text that is in memory: it moves on by segments, and grows where one
/// value needs more room.
final class Window {
  private final ParsedSegments segments;
  private final DamageLog damage;
  private final int largest;
  private long offset;
  private boolean inputEnded;
  private byte[] head = new byte[0];

  /// The cursor over what is in memory.
  final JsonBytes json = new JsonBytes(new byte[Segment.SIZE + JsonBytes.PADDING], 0);

  /// @param largest how much text is kept for one value, in bytes
  Window(ParsedSegments segments, DamageLog damage, int largest) {
    this.largest = largest;
    this.segments = segments;
    this.damage = damage;
  }

  /// Drops what lies before `keepFrom` and takes more behind the rest. The cursor then stands at
  /// what was `keepFrom`, whatever the answer: whether more came.
  boolean move(int keepFrom) throws IOException {
    json.position = keepFrom;
    int kept = json.limit - keepFrom;
    if (kept > largest) {
      return false;
    }
    // Twice as much each time: what is kept is read again from its start.
    boolean more = false;
    do {
      @Nullable Segment segment = inputEnded ? null : take();
      if (segment == null) {
        return more;
      }
      append(segment, json.position, segment.from);
      more = true;
    } while (json.limit < kept * 2);
    return true;
  }

  /// Goes on to the next segment when all in memory has been read and an event may begin: gives the
  /// events of it that were read ahead, and leaves the rest in memory. Null at the end.
  @Nullable EventBlock advance() throws IOException {
    @Nullable Segment segment = inputEnded ? null : take();
    if (segment == null) {
      return null;
    }
    append(segment, json.limit, segment.parsedTo);
    return segment.events;
  }

  private @Nullable Segment take() throws IOException {
    @Nullable Segment segment = segments.take();
    if (segment == null) {
      inputEnded = true;
    } else {
      for (Damage fault : segment.faults) {
        damage.add(fault.offset(), fault.kind());
      }
    }
    return segment;
  }

  private void append(Segment segment, int keepFrom, int from) {
    if (offset + json.limit == 0) {
      int end = Math.min(segment.limit, segment.from + ForeignData.HEAD);
      head = Arrays.copyOfRange(segment.bytes, segment.from, end);
    }
    int kept = json.limit - keepFrom;
    int length = segment.limit - from;
    int needed = kept + length + JsonBytes.PADDING;
    byte[] bytes = json.bytes;
    if (needed > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(needed, kept * 2));
    }
    System.arraycopy(json.bytes, keepFrom, bytes, 0, kept);
    System.arraycopy(segment.bytes, from, bytes, kept, length);
    offset += keepFrom + (from - segment.from);
    json.bytes = bytes;
    json.position = 0;
    json.limit = kept + length;
  }

  /// Whether the input is exhausted; what is in memory may still be unread.
  boolean inputEnded() {
    return inputEnded;
  }

  /// Where a position of the cursor lies in the whole text.
  long offset(int position) {
    return offset + position;
  }

  /// How the text begins.
  byte[] head() {
    return head;
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
