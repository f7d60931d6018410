package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Which kernels each operator launched itself; most kernel time first.
///
/// No kernel is left out. One that belongs to no operator (a CUDA graph's, launched outside of any)
/// stands under its launch, such as `cudaGraphLaunch`; one that was launched before the trace began
/// stands under [#NO_LAUNCH]. Every kind of launch is joined, the driver's as well.
public record OperatorKernelTable(List<Row> rows) {
  public static final String NO_LAUNCH = "(launched before the trace)";

  public OperatorKernelTable {
    rows = List.copyOf(rows);
  }

  /// One operator.
  ///
  /// @param calls of the operator, with or without a kernel; of a launch those that started one
  /// @param kernels the most called first
  public record Row(String operator, long calls, List<Kernel> kernels) {
    public Row {
      kernels = List.copyOf(kernels);
    }

    public long deviceNs() {
      long sum = 0;
      for (Kernel kernel : kernels) {
        sum += kernel.totalNs;
      }
      return sum;
    }
  }

  /// The calls of one kernel by one operator.
  public record Kernel(String kernel, long calls, long totalNs) {}

  public static OperatorKernelTable of(Trace trace, TraceLinks links, OperatorCalls calls) {
    return of(trace, links, calls, SelectedRows.of(trace, Selection.ALL));
  }

  /// @param calls of the same selection
  static OperatorKernelTable of(
      Trace trace, TraceLinks links, OperatorCalls calls, SelectedRows rows) {
    return new Builder(trace, links, calls).build(rows);
  }

  /// The calls of both.
  OperatorKernelTable plus(OperatorKernelTable other) {
    Map<String, Long> calls = new LinkedHashMap<>();
    Map<String, Map<String, Kernel>> kernels = new LinkedHashMap<>();
    for (OperatorKernelTable table : List.of(this, other)) {
      for (Row row : table.rows) {
        calls.merge(row.operator, row.calls, Long::sum);
        Map<String, Kernel> known =
            kernels.computeIfAbsent(row.operator, _ -> new LinkedHashMap<>());
        for (Kernel kernel : row.kernels) {
          known.merge(
              kernel.kernel,
              kernel,
              (a, b) -> new Kernel(a.kernel, a.calls + b.calls, a.totalNs + b.totalNs));
        }
      }
    }
    List<Row> rows = new ArrayList<>();
    kernels.forEach((operator, sums) ->
        rows.add(row(operator, calls.getOrDefault(operator, 0L), new ArrayList<>(sums.values()))));
    return sorted(rows);
  }

  private static Row row(String operator, long calls, List<Kernel> kernels) {
    kernels.sort(Comparator.comparingLong(Kernel::calls).reversed().thenComparing(Kernel::kernel));
    return new Row(operator, calls, kernels);
  }

  private static OperatorKernelTable sorted(List<Row> rows) {
    rows.sort(
        Comparator.comparingLong(Row::deviceNs)
            .thenComparingLong(Row::calls)
            .reversed()
            .thenComparing(Row::operator));
    return new OperatorKernelTable(rows);
  }

  private static final class Builder {
    private static final int NONE = -2;

    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final OperatorCalls operatorCalls;
    private final BitSet launches = new BitSet();

    /// Owners and pairs of owner and kernel, each under a number in the order first seen.
    private final LongIntMap owners = new LongIntMap(256);

    private final LongIntMap pairs = new LongIntMap(256);
    private int[] ownerNames = new int[64];
    private long[] ownerCalls = new long[64];
    private int[] pairOwners = new int[64];
    private int[] pairKernels = new int[64];
    private long[] pairCalls = new long[64];
    private long[] pairTimes = new long[64];

    Builder(Trace trace, TraceLinks links, OperatorCalls operatorCalls) {
      this.trace = trace;
      this.events = trace.events();
      this.links = links;
      this.operatorCalls = operatorCalls;
    }

    OperatorKernelTable build(SelectedRows selected) {
      for (int i = 0; i < selected.operatorCount(); i++) {
        int row = selected.operator(i);
        if (!operatorCalls.isMerged(row)) {
          int owner = owner(events.nameId(row));
          ownerCalls[owner]++;
        }
      }
      for (int i = 0; i < selected.kernelCount(); i++) {
        addKernel(selected.kernel(i));
      }
      List<List<Kernel>> kernels = new ArrayList<>();
      for (int owner = 0; owner < owners.size(); owner++) {
        kernels.add(new ArrayList<>());
      }
      for (int pair = 0; pair < pairs.size(); pair++) {
        String name = trace.strings().text(pairKernels[pair]);
        kernels.get(pairOwners[pair]).add(new Kernel(name, pairCalls[pair], pairTimes[pair]));
      }
      List<Row> rows = new ArrayList<>();
      for (int owner = 0; owner < owners.size(); owner++) {
        int name = ownerNames[owner];
        rows.add(
            row(
                name == NONE ? NO_LAUNCH : trace.strings().text(name),
                ownerCalls[owner],
                kernels.get(owner)));
      }
      return sorted(rows);
    }

    private void addKernel(int row) {
      int operator = links.operator(row);
      int launch = links.launch(row);
      int owner;
      if (operator >= 0) {
        owner = owner(events.nameId(operatorCalls.call(operator)));
      } else {
        owner = owner(launch < 0 ? NONE : events.nameId(launch));
        if (!launches.get(launch + 1)) {
          launches.set(launch + 1);
          ownerCalls[owner]++;
        }
      }
      int kernel = events.nameId(row);
      int pair = pairs.putIfAbsent(LongIntMap.key(owner, kernel), pairs.size());
      if (pair == pairOwners.length) {
        pairOwners = Arrays.copyOf(pairOwners, pair * 2);
        pairKernels = Arrays.copyOf(pairKernels, pair * 2);
        pairCalls = Arrays.copyOf(pairCalls, pair * 2);
        pairTimes = Arrays.copyOf(pairTimes, pair * 2);
      }
      pairOwners[pair] = owner;
      pairKernels[pair] = kernel;
      pairCalls[pair]++;
      pairTimes[pair] += events.durationNs(row);
    }

    private int owner(int name) {
      int owner = owners.putIfAbsent(name, owners.size());
      if (owner == ownerNames.length) {
        ownerNames = Arrays.copyOf(ownerNames, owner * 2);
        ownerCalls = Arrays.copyOf(ownerCalls, owner * 2);
      }
      ownerNames[owner] = name;
      return owner;
    }
  }
}
