package dev.kerneltracer.analysis;

import java.util.Arrays;

/// Rows of a trace, growing.
final class RowList {
  private int[] rows = new int[1 << 10];
  private int size;

  void add(int row) {
    if (size == rows.length) {
      rows = Arrays.copyOf(rows, size * 2);
    }
    rows[size++] = row;
  }

  int size() {
    return size;
  }

  int get(int index) {
    return rows[index];
  }

  void clear() {
    size = 0;
  }
}
