package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

/// Faults met by one thread on the way to the log of another.
final class Faults {
  private static final int MOST = 1000;

  private final List<Damage> list = new ArrayList<>();

  void add(long offset, Damage.Kind kind) {
    if (list.size() < MOST) {
      list.add(new Damage(offset, kind));
    }
  }

  void moveTo(List<Damage> target) {
    target.addAll(list);
    list.clear();
  }
}
