package dev.kerneltracer.analysis;

import java.util.Arrays;

/// A growing list of rows.
final class RowList {
  private int[] rows = new int[256];
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
}
