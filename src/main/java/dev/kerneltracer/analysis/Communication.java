package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Collectives;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What devices exchange: one row per collective, group and size, most time first.
///
/// Collectives are the kernels whose `args` or whose names say so. Which operation, group and size
/// is what the kernel's own `args` say, else those of the operator that launched it or of one
/// around that (`record_param_comms`), else what names and input shapes of these operators tell.
public record Communication(List<Row> rows) {
  public Communication {
    rows = List.copyOf(rows);
  }

  /// All calls of one collective in one group with one size.
  ///
  /// @param collective such as `all_reduce`
  /// @param group the process group's description and name; empty where unknown
  /// @param bytes of one call: the larger of what a rank puts in and gets out; -1 where unknown
  /// @param totalNs the plain sum of the kernels' durations, the waiting for other ranks included
  /// @param exposedNs the part of it in which no other kernel but collectives runs on the device
  /// @param overlappedNs the rest
  /// @param busBandwidth bytes that cross a rank's link over time, in 10^9 bytes per second; -1
  ///   where size or group are unknown. See [Collective]
  public record Row(
      String collective,
      String group,
      long bytes,
      long calls,
      long totalNs,
      long exposedNs,
      long overlappedNs,
      double busBandwidth) {}

  public static Communication of(Trace trace, TraceLinks links, DeviceWork work) {
    return of(trace, links, work, SelectedRows.of(trace, Selection.ALL));
  }

  /// @param work all of the trace's: what overlaps counts even where it is not selected
  static Communication of(Trace trace, TraceLinks links, DeviceWork work, SelectedRows rows) {
    return new Builder(trace, links, work).build(rows);
  }

  /// The calls of both.
  Communication plus(Communication other) {
    Map<List<Object>, Row> sums = new HashMap<>();
    for (Communication table : List.of(this, other)) {
      for (Row row : table.rows) {
        sums.merge(List.of(row.collective, row.group, row.bytes), row, Communication::sum);
      }
    }
    return sorted(new ArrayList<>(sums.values()));
  }

  private static Row sum(Row a, Row b) {
    long total = a.totalNs + b.totalNs;
    boolean known = a.busBandwidth >= 0 && b.busBandwidth >= 0 && total > 0;
    return new Row(
        a.collective,
        a.group,
        a.bytes,
        a.calls + b.calls,
        total,
        a.exposedNs + b.exposedNs,
        a.overlappedNs + b.overlappedNs,
        known ? (a.busBandwidth * a.totalNs + b.busBandwidth * b.totalNs) / total : -1);
  }

  private static Communication sorted(List<Row> rows) {
    rows.sort(
        Comparator.comparingLong(Row::totalNs)
            .reversed()
            .thenComparing(Row::collective)
            .thenComparing(Row::group)
            .thenComparingLong(Row::bytes));
    return new Communication(rows);
  }

  /// The exposed time of all rows.
  public long exposedNs() {
    long sum = 0;
    for (Row row : rows) {
      sum += row.exposedNs();
    }
    return sum;
  }

  private record Call(Collective collective, String group, int ranks, long bytes) {}

  private static final class Sum {
    long calls;
    long totalNs;
    long exposedNs;
  }

  private static final class Builder {
    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final DeviceWork work;
    private final Map<Call, Sum> sums = new HashMap<>();

    Builder(Trace trace, TraceLinks links, DeviceWork work) {
      this.trace = trace;
      this.events = trace.events();
      this.links = links;
      this.work = work;
    }

    Communication build(SelectedRows selected) {
      BitSet found = find();
      for (int device = 0; device < work.deviceCount() && !found.isEmpty(); device++) {
        CoveredTime others = work.busyWithKernels(device, found);
        for (int i = found.nextSetBit(work.from(device));
            i >= 0 && i < work.to(device);
            i = found.nextSetBit(i + 1)) {
          if (selected.has(work.row(i))) {
            add(work.row(i), others);
          }
        }
      }
      List<Row> rows = new ArrayList<>(sums.size());
      sums.forEach((call, sum) -> rows.add(row(call, sum)));
      return sorted(rows);
    }

    private BitSet find() {
      BitSet found = new BitSet();
      BitSet seen = new BitSet();
      BitSet named = new BitSet();
      for (int i = 0; i < work.size(); i++) {
        int row = work.row(i);
        if (events.category(row) != Category.KERNEL) {
          continue;
        }
        int name = events.nameId(row) + 1;
        if (!seen.get(name)) {
          seen.set(name);
          named.set(name, Collective.ofKernel(events.name(row)) != null);
        }
        if (named.get(name)
            || (events.collectives().size() > 0 && events.collectives().find(row) >= 0)) {
          found.set(i);
        }
      }
      return found;
    }

    private void add(int row, CoveredTime others) {
      Sum sum = sums.computeIfAbsent(call(row), _ -> new Sum());
      long start = events.startNs(row);
      long end = events.endNs(row);
      sum.calls++;
      sum.totalNs += end - start;
      sum.exposedNs += end - start - others.withinNs(start, end);
    }

    private static Row row(Call call, Sum sum) {
      double factor = call.ranks() > 0 ? call.collective().busFactor(call.ranks()) : -1;
      double bandwidth =
          factor < 0 || call.bytes() < 0 || sum.totalNs <= 0
              ? -1
              : factor * call.bytes() * sum.calls / sum.totalNs;
      return new Row(
          call.collective().text(),
          call.group(),
          call.bytes(),
          sum.calls,
          sum.totalNs,
          sum.exposedNs,
          sum.totalNs - sum.exposedNs,
          bandwidth);
    }

    private Call call(int row) {
      @Nullable Collective collective = null;
      long bytes = -1;
      Collectives described = events.collectives();
      int at = described.find(row);
      for (int around = links.operator(row);
          at < 0 && around >= 0;
          around = links.operator(around)) {
        at = described.find(around);
      }
      String group = "";
      int ranks = -1;
      if (at >= 0) {
        collective = Collective.of(text(described.name(at)));
        group = group(text(described.groupName(at)), text(described.groupDescription(at)));
        ranks = described.groupSize(at) > 0 ? described.groupSize(at) : -1;
        int element = TensorBytes.ofElement(text(described.elementType(at)));
        long elements = Math.max(described.inElements(at), described.outElements(at));
        boolean known = element > 0 && elements > 0 && elements <= Long.MAX_VALUE / element;
        bytes = known ? elements * element : -1;
      }
      // The kernel's name comes last: it says how NCCL does it, all-to-all by sending and
      // receiving.
      if (collective == null || collective == Collective.OTHER) {
        collective = ofAnnotation(row);
      }
      for (int around = links.operator(row);
          around >= 0 && (collective == null || bytes < 0);
          around = links.operator(around)) {
        @Nullable Collective named = ofOperator(events.name(around));
        if (named == null) {
          continue;
        }
        collective = collective == null ? named : collective;
        long largest =
            TensorBytes.largest(text(events.inputDims(around)), text(events.inputTypes(around)));
        bytes = bytes < 0 && largest > 0 ? largest : bytes;
      }
      if (collective == null) {
        collective = Collective.ofKernel(events.name(row));
      }
      return new Call(collective == null ? Collective.OTHER : collective, group, ranks, bytes);
    }

    /// Process groups annotate what they launch: `nccl:all_to_all`.
    private @Nullable Collective ofAnnotation(int row) {
      int annotation = links.annotation(row);
      if (annotation >= 0 && events.name(annotation).startsWith("nccl:")) {
        Collective named = Collective.of(events.name(annotation).substring("nccl:".length()));
        return named == Collective.OTHER ? null : named;
      }
      return null;
    }

    private static @Nullable Collective ofOperator(String operator) {
      boolean communicates =
          operator.startsWith("c10d") || operator.contains("_c10d_") || operator.contains("all_");
      Collective named = communicates ? Collective.of(operator) : Collective.OTHER;
      return named == Collective.OTHER ? null : named;
    }

    private static String group(String name, String description) {
      if (description.isEmpty() || description.equals("undefined")) {
        return name;
      }
      return name.isEmpty() ? description : description + " (" + name + ")";
    }

    private String text(int id) {
      return trace.strings().text(id);
    }
  }
}
