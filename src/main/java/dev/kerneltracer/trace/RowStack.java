package dev.kerneltracer.trace;

import java.util.Arrays;

/// Rows of one thread that are open at a point of time, each within the one below it.
final class RowStack {
  private int[] rows = new int[64];
  private long[] starts = new long[64];
  private long[] ends = new long[64];
  private int size;

  void clear() {
    size = 0;
  }

  /// The innermost open row, -1 for none.
  int top() {
    return size == 0 ? -1 : rows[size - 1];
  }

  /// Closes what ended before `start`; a row that ends just there still counts as around it.
  void closeBefore(long start) {
    while (size > 0 && ends[size - 1] < start) {
      size--;
    }
  }

  /// The innermost open row within which a row begins, -1 for none: one that ends just there is
  /// over, unless it has no length. Where times are whole microseconds, neighbours often meet.
  int around(long start) {
    int at = size - 1;
    while (at >= 0 && ends[at] == start && starts[at] < start) {
      at--;
    }
    return at < 0 ? -1 : rows[at];
  }

  /// Opens a row within what encloses it wholly, and gives that, -1 for none. What it overlaps only
  /// in part is closed, as in torch.profiler's tree.
  int open(int row, long start, long end) {
    while (size > 0 && (start >= ends[size - 1] || end > ends[size - 1])) {
      size--;
    }
    int parent = top();
    if (size == rows.length) {
      rows = Arrays.copyOf(rows, size * 2);
      starts = Arrays.copyOf(starts, size * 2);
      ends = Arrays.copyOf(ends, size * 2);
    }
    rows[size] = row;
    starts[size] = start;
    ends[size] = end;
    size++;
    return parent;
  }
}
