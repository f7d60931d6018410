package dev.kerneltracer.trace;

import java.util.Arrays;

/// A column of longs that grows by pages: no copying, and no more than a page of unused room.
final class LongColumn {
  private static final int PAGE_BITS = 15;
  private static final int PAGE = 1 << PAGE_BITS;
  private static final int MASK = PAGE - 1;

  private long[][] pages = new long[16][];
  private int size;

  void add(long value) {
    int page = size >>> PAGE_BITS;
    if ((size & MASK) == 0) {
      if (page == pages.length) {
        pages = Arrays.copyOf(pages, page * 2);
      }
      pages[page] = new long[PAGE];
    }
    pages[page][size & MASK] = value;
    size++;
  }

  long get(int row) {
    return pages[row >>> PAGE_BITS][row & MASK];
  }

  int size() {
    return size;
  }
}
