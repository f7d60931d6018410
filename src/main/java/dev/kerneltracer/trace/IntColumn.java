package dev.kerneltracer.trace;

import java.util.Arrays;

/// A column of ints that grows by pages: no copying, and no more than a page of unused room.
final class IntColumn {
  private static final int PAGE_BITS = 15;
  private static final int PAGE = 1 << PAGE_BITS;
  private static final int MASK = PAGE - 1;

  private int[][] pages = new int[16][];
  private int size;

  void add(int value) {
    int page = size >>> PAGE_BITS;
    if ((size & MASK) == 0) {
      if (page == pages.length) {
        pages = Arrays.copyOf(pages, page * 2);
      }
      pages[page] = new int[PAGE];
    }
    pages[page][size & MASK] = value;
    size++;
  }

  int get(int row) {
    return pages[row >>> PAGE_BITS][row & MASK];
  }

  int size() {
    return size;
  }
}
