package dev.kerneltracer.trace;

import java.util.Arrays;

/// A column of ints, or a list of rows, that grows by pages: no copying, and no more than a page of
/// unused room.
public final class IntColumn {
  private static final int PAGE_BITS = 14;
  private static final int PAGE = 1 << PAGE_BITS;
  private static final int MASK = PAGE - 1;

  private int[][] pages = new int[8][];
  private int size;

  public void add(int value) {
    int page = size >>> PAGE_BITS;
    if ((size & MASK) == 0) {
      open(page);
    }
    pages[page][size & MASK] = value;
    size++;
  }

  private void open(int page) {
    if (page == pages.length) {
      pages = Arrays.copyOf(pages, page * 2);
    }
    if (pages[page] == null) {
      pages[page] = new int[PAGE];
    }
  }

  void addAll(int[] values, int count) {
    int from = 0;
    while (from < count) {
      if ((size & MASK) == 0) {
        open(size >>> PAGE_BITS);
      }
      int length = Math.min(PAGE - (size & MASK), count - from);
      System.arraycopy(values, from, pages[size >>> PAGE_BITS], size & MASK, length);
      size += length;
      from += length;
    }
  }

  public void addAll(IntColumn other) {
    for (int i = 0; i < other.size; i++) {
      add(other.get(i));
    }
  }

  /// Empties the column and keeps its room.
  public void clear() {
    size = 0;
  }

  public int get(int row) {
    return pages[row >>> PAGE_BITS][row & MASK];
  }

  public int size() {
    return size;
  }
}
