package dev.kerneltracer.trace;

import java.util.Arrays;

/// The rows of the CPU (operators, annotations, runtime calls, Python functions, module marks) by
/// thread, each thread's in order of start, what encloses before what it encloses.
public final class ThreadRows {
  private final Events events;
  private final int[] rows;
  private final int[] bounds;

  ThreadRows(Events events) {
    this.events = events;
    bounds = new int[events.threadCount() + 1];
    int size = events.size();
    for (int row = 0; row < size; row++) {
      if (nests(events.category(row))) {
        bounds[events.thread(row) + 1]++;
      }
    }
    for (int thread = 1; thread < bounds.length; thread++) {
      bounds[thread] += bounds[thread - 1];
    }
    int[] next = Arrays.copyOf(bounds, bounds.length);
    rows = new int[bounds[bounds.length - 1]];
    for (int row = 0; row < size; row++) {
      if (nests(events.category(row))) {
        rows[next[events.thread(row)]++] = row;
      }
    }
    for (int thread = 0; thread < threadCount(); thread++) {
      RowSort.outerFirst(events, rows, from(thread), to(thread));
    }
  }

  private static boolean nests(Category category) {
    return switch (category) {
      case OPERATOR, ANNOTATION, RUNTIME, PYTHON_FUNCTION, MODULE -> true;
      case GPU_ANNOTATION, KERNEL, MEMCPY, MEMSET, PROFILER_SPAN, OTHER -> false;
    };
  }

  public int threadCount() {
    return bounds.length - 1;
  }

  /// The first index of a thread, as in [Events#thread].
  public int from(int thread) {
    return bounds[thread];
  }

  /// The index behind a thread's last.
  public int to(int thread) {
    return bounds[thread + 1];
  }

  public int row(int index) {
    return rows[index];
  }

  /// The index of the last row of a thread that starts at a time or before it; below [#from] where
  /// there is none.
  public int lastStarting(int thread, long timeNs) {
    return RowSort.lastStarting(events, rows, from(thread), to(thread), timeNs);
  }
}
