package dev.kerneltracer.trace;

import java.util.Arrays;

/// A column of bytes that grows by pages: no copying, and no more than a page of unused room.
final class ByteColumn {
  private static final int PAGE_BITS = 15;
  private static final int PAGE = 1 << PAGE_BITS;
  private static final int MASK = PAGE - 1;

  private byte[][] pages = new byte[16][];
  private int size;

  void add(byte value) {
    int page = size >>> PAGE_BITS;
    if ((size & MASK) == 0) {
      if (page == pages.length) {
        pages = Arrays.copyOf(pages, page * 2);
      }
      pages[page] = new byte[PAGE];
    }
    pages[page][size & MASK] = value;
    size++;
  }

  byte get(int row) {
    return pages[row >>> PAGE_BITS][row & MASK];
  }

  int size() {
    return size;
  }
}
