package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Faults as they are met. A file may hold millions: the first are kept, all are counted.
final class DamageLog {
  private static final int KEPT = 100;

  private final List<Damage> first = new ArrayList<>();
  private long count;
  private long bytesSkipped;
  private boolean eventsLost;
  private boolean endsEarly;
  private long endedAt = -1;

  void add(long offset, Damage.Kind kind) {
    count++;
    switch (kind) {
      case CUT, BAD_GZIP, TOO_MANY_EVENTS -> {
        endsEarly = true;
        endedAt = offset;
      }
      default -> {}
    }
    if (first.size() < KEPT) {
      first.add(new Damage(offset, kind));
    }
  }

  /// The text ends too early; said once, where the inflating has not said it already.
  void addCut(long offset) {
    if (endedAt != offset) {
      add(offset, Damage.Kind.CUT);
    }
  }

  void skip(long bytes) {
    bytesSkipped += bytes;
    eventsLost = true;
  }

  long count() {
    return count;
  }

  long bytesSkipped() {
    return bytesSkipped;
  }

  boolean eventsLost() {
    return eventsLost;
  }

  /// Whether text is missing, at the end or between.
  boolean endsEarly() {
    return endsEarly;
  }

  /// In file order: faults of the compressed data are met before those of the text around them.
  List<Damage> first() {
    return first.stream().sorted(Comparator.comparingLong(Damage::offset)).toList();
  }
}
