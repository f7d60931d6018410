package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.Trace;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The kernels by name, the one with the most time first.
///
/// @param totalNs the plain sum of all kernels' durations: what overlaps counts twice
public record KernelTable(List<Row> rows, long totalNs) {
  public KernelTable {
    rows = List.copyOf(rows);
  }

  /// All calls of one kernel.
  ///
  /// @param share of the sum of kernel time, 0 to 1
  public record Row(
      String kernel, long calls, long totalNs, long minNs, long maxNs, double share) {}

  public static KernelTable of(Trace trace) {
    Events events = trace.events();
    LongIntMap groups = new LongIntMap(256);
    List<Sum> sums = new ArrayList<>();
    long total = 0;
    for (int row = 0; row < events.size(); row++) {
      if (events.category(row) == Category.KERNEL) {
        int group = groups.putIfAbsent(events.nameId(row), sums.size());
        if (group == sums.size()) {
          sums.add(new Sum(events.name(row)));
        }
        sums.get(group).add(events.durationNs(row));
        total += events.durationNs(row);
      }
    }
    List<Row> rows = new ArrayList<>(sums.size());
    for (Sum sum : sums) {
      double share = total == 0 ? 0 : (double) sum.total / total;
      rows.add(new Row(sum.name, sum.calls, sum.total, sum.min, sum.max, share));
    }
    rows.sort(Comparator.comparingLong(Row::totalNs).reversed().thenComparing(Row::kernel));
    return new KernelTable(rows, total);
  }

  private static final class Sum {
    final String name;
    long calls;
    long total;
    long min = Long.MAX_VALUE;
    long max = Long.MIN_VALUE;

    Sum(String name) {
      this.name = name;
    }

    void add(long durationNs) {
      calls++;
      total += durationNs;
      min = Math.min(min, durationNs);
      max = Math.max(max, durationNs);
    }
  }
}
