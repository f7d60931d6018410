package dev.kerneltracer.trace;

import java.util.Arrays;
import java.util.List;

/// The rows of the CPU (operators, annotations, runtime calls, Python functions, module marks) by
/// thread, each thread's in order of start, what encloses before what it encloses.
public final class ThreadRows {
  private final Events events;
  private final int[] rows;
  private final int[] bounds;

  ThreadRows(Events events) {
    this.events = events;
    bounds = new int[events.threadCount() + 1];
    // Outer kinds first, as they are sorted: so each kind is mostly one run.
    List<IntColumn> kinds =
        List.of(
            events.annotations(),
            events.pythonFunctions(),
            events.moduleMarks(),
            events.operators(),
            events.calls());
    kinds.forEach(this::count);
    for (int thread = 1; thread < bounds.length; thread++) {
      bounds[thread] += bounds[thread - 1];
    }
    rows = new int[bounds[bounds.length - 1]];
    int[] next = Arrays.copyOf(bounds, bounds.length);
    kinds.forEach(kind -> place(kind, next));
    for (int thread = 0; thread < threadCount(); thread++) {
      RowSort.outerFirst(events, rows, from(thread), to(thread));
    }
  }

  private void count(IntColumn kind) {
    for (int i = 0; i < kind.size(); i++) {
      bounds[events.thread(kind.get(i)) + 1]++;
    }
  }

  private void place(IntColumn kind, int[] next) {
    for (int i = 0; i < kind.size(); i++) {
      int row = kind.get(i);
      rows[next[events.thread(row)]++] = row;
    }
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
