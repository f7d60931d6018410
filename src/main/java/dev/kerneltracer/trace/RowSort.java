package dev.kerneltracer.trace;

/// Sorts rows so that an enclosing row comes before what it encloses: by start, longer first, then
/// outer kinds first, then file order. A merge sort, as traces are nearly sorted already.
public final class RowSort {
  private final Events events;
  private final int[] rows;
  private final int[] spare;

  private RowSort(Events events, int[] rows, int longest) {
    this.events = events;
    this.rows = rows;
    this.spare = new int[longest];
  }

  /// Sorts `rows[from, to)`; rows that compare equal keep their order.
  public static void outerFirst(Events events, int[] rows, int from, int to) {
    new RowSort(events, rows, (to - from + 1) / 2).sort(from, to);
  }

  private void sort(int from, int to) {
    if (to - from < 2) {
      return;
    }
    int middle = (from + to) >>> 1;
    sort(from, middle);
    sort(middle, to);
    if (ordered(rows[middle - 1], rows[middle])) {
      return;
    }
    int left = middle - from;
    System.arraycopy(rows, from, spare, 0, left);
    int a = 0;
    int b = middle;
    int out = from;
    while (a < left && b < to) {
      rows[out++] = ordered(spare[a], rows[b]) ? spare[a++] : rows[b++];
    }
    System.arraycopy(spare, a, rows, out, left - a);
  }

  private boolean ordered(int first, int second) {
    long a = events.startNs(first);
    long b = events.startNs(second);
    if (a != b) {
      return a < b;
    }
    a = events.endNs(first);
    b = events.endNs(second);
    if (a != b) {
      return a > b;
    }
    return rank(events.category(first)) <= rank(events.category(second));
  }

  private static int rank(Category category) {
    return switch (category) {
      case PROFILER_SPAN, OTHER -> 0;
      case ANNOTATION, GPU_ANNOTATION -> 1;
      case PYTHON_FUNCTION -> 2;
      case OPERATOR -> 3;
      case RUNTIME -> 4;
      case KERNEL, MEMCPY, MEMSET -> 5;
    };
  }
}
