package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

/// A piece of the inflated text with what was read of it ahead of its turn. Used again and again.
final class Segment {
  /// How much text is read at once. Tests take less, so that what lies across two segments is no
  /// rare case.
  static final int SIZE = 1 << 19;

  /// Room for what is taken over from the segment before: an event begun there, and what inflating
  /// may refer to.
  static final int TAKEN_OVER = 1 << 16;

  /// Less than real events take; of smaller ones the rest is not read ahead.
  private static final int BYTES_PER_EVENT = 64;

  /// The text, and behind it the room that [JsonBytes] wants.
  final byte[] bytes;

  /// Where the text begins …
  int from;

  /// … and where it ends.
  int limit;

  /// Its number in the order of the text.
  long index;

  /// Whether it begins where an event seems to begin.
  boolean atEvent;

  /// What was read on that supposition: the events from [#from] to [#parsedTo], behind the comma of
  /// the last.
  final EventBlock events;

  int parsedTo;

  /// Faults of the compressed data, by their offset in the whole text.
  final List<Damage> faults = new ArrayList<>();

  Segment(EventTables tables, int size) {
    bytes = new byte[TAKEN_OVER + size + JsonBytes.PADDING];
    events = new EventBlock(tables, Math.max(1, size / BYTES_PER_EVENT));
  }
}
