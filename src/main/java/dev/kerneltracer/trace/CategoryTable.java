package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

/// The distinct texts of `cat`, a byte each; for all threads. Beyond 127 of them (no real trace
/// comes near) the rest are one.
final class CategoryTable {
  static final int MOST = 127;

  private final LongIntMap ids = new LongIntMap(32);
  private final List<String> texts = new ArrayList<>();
  private final Category[] categories = new Category[MOST];

  synchronized byte id(int text, StringTable strings) {
    int known = ids.get(text);
    if (known >= 0) {
      return (byte) known;
    }
    if (texts.size() == MOST) {
      return MOST - 1;
    }
    String category = strings.text(text);
    ids.putIfAbsent(text, texts.size());
    texts.add(category);
    categories[texts.size() - 1] = Category.of(category);
    return (byte) (texts.size() - 1);
  }

  String text(byte id) {
    return texts.get(id);
  }

  Category category(byte id) {
    return categories[id];
  }
}
