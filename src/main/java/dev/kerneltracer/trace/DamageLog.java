package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

/// Faults as they are met. A file may hold millions: the first are kept, all are counted.
final class DamageLog {
  private static final int KEPT = 100;

  private final List<Damage> first = new ArrayList<>();
  private long count;
  private long bytesSkipped;
  private boolean eventsLost;

  void add(long offset, Damage.Kind kind) {
    count++;
    if (first.size() < KEPT) {
      first.add(new Damage(offset, kind));
    }
  }

  /// The text ends too early; said once, where the inflating has not said it already.
  void addCut(long offset) {
    if (first.stream().noneMatch(fault -> fault.offset() == offset)) {
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

  List<Damage> first() {
    return first;
  }
}
