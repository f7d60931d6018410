package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.RowSort;
import java.util.Arrays;

/// Chosen rows of the CPU, thread after thread, in order of time; of nested ones the outer, so that
/// those of a thread do not overlap. An index runs over all of them.
final class OuterRows {
  private final Events events;
  private final int[] rows;
  private final int[] bounds;

  /// @param chosen the rows, those of a kind in file order
  OuterRows(Events events, IntColumn chosen) {
    this.events = events;
    bounds = new int[events.threadCount() + 1];
    int[] next = new int[events.threadCount() + 1];
    for (int i = 0; i < chosen.size(); i++) {
      next[events.thread(chosen.get(i)) + 1]++;
    }
    for (int thread = 0; thread < events.threadCount(); thread++) {
      next[thread + 1] += next[thread];
    }
    int[] sorted = new int[chosen.size()];
    int[] ends = next.clone();
    for (int i = 0; i < chosen.size(); i++) {
      sorted[ends[events.thread(chosen.get(i))]++] = chosen.get(i);
    }
    int kept = 0;
    for (int thread = 0; thread < events.threadCount(); thread++) {
      RowSort.outerFirst(events, sorted, next[thread], ends[thread]);
      long end = Long.MIN_VALUE;
      for (int i = next[thread]; i < ends[thread]; i++) {
        if (events.startNs(sorted[i]) >= end) {
          end = events.endNs(sorted[i]);
          sorted[kept++] = sorted[i];
        }
      }
      bounds[thread + 1] = kept;
    }
    rows = Arrays.copyOf(sorted, kept);
  }

  /// The first index of a thread, as in [Events#thread].
  int from(int thread) {
    return bounds[thread];
  }

  int size() {
    return rows.length;
  }

  int row(int index) {
    return rows[index];
  }

  /// The index of the last of a thread that starts before a time; below [#from] where there is
  /// none.
  int lastBefore(int thread, long timeNs) {
    return RowSort.lastStarting(events, rows, bounds[thread], bounds[thread + 1], timeNs - 1);
  }
}
