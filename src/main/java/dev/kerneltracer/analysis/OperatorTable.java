package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The operators by name, input shapes and Python stack, in the meaning of torch.profiler's
/// `key_averages(group_by_input_shape=True)`: a call's total time contains what it calls, so an
/// operator that calls itself with something between counts twice in the total, never in the self
/// time.
///
/// Where this differs from torch.profiler: input shapes keep the shapes within lists of tensors; an
/// asynchronous operator (begun and ended on two threads) cannot be told in a trace and counts like
/// any other; Kineto's own overhead rows (`Activity Buffer Request`) take no time off the operator
/// that they interrupt, as the trace does not say which it was, and take no kernel of it a second
/// time.
public record OperatorTable(List<Row> rows) {
  private static final int STACK_FRAMES = 5;

  public OperatorTable {
    rows = List.copyOf(rows);
  }

  /// The calls of one operator, alike in shapes and stack.
  ///
  /// @param inputShapes JSON text such as `[[4, 512], []]`, empty where the trace has no shapes
  /// @param stack the five innermost Python frames, innermost first; empty where the trace has none
  /// @param deviceTotalNs kernels, copies and fills of the operator and of all it calls; 0 in a
  ///   table [#ofSelf]
  /// @param deviceSelfNs those that it launched itself
  /// @param kernels how many kernels it launched itself
  public record Row(
      String operator,
      String inputShapes,
      List<String> stack,
      long calls,
      long cpuTotalNs,
      long cpuSelfNs,
      long deviceTotalNs,
      long deviceSelfNs,
      long kernels) {
    public Row {
      stack = List.copyOf(stack);
    }

    private record Key(String operator, String inputShapes, List<String> stack) {}

    private Key key() {
      return new Key(operator, inputShapes, stack);
    }

    private Row plus(Row other) {
      return new Row(
          operator,
          inputShapes.equals(other.inputShapes) ? inputShapes : "",
          stack.equals(other.stack) ? stack : List.of(),
          calls + other.calls,
          cpuTotalNs + other.cpuTotalNs,
          cpuSelfNs + other.cpuSelfNs,
          deviceTotalNs + other.deviceTotalNs,
          deviceSelfNs + other.deviceSelfNs,
          kernels + other.kernels);
    }
  }

  /// One row per operator, input shapes and, where the trace has it, stack; most device time first,
  /// then most CPU time of its own.
  public static OperatorTable of(Trace trace, TraceLinks links) {
    OperatorCalls calls = new OperatorCalls(trace, links);
    return new Builder(
            trace,
            calls,
            SelectedRows.of(trace, Selection.ALL),
            new CallStacks(trace, links, STACK_FRAMES))
        .build();
  }

  /// One row per operator and input shapes, of the selected calls; without stacks and without what
  /// the calls of others launched, which cost most of the time.
  ///
  /// @param calls of the same rows
  static OperatorTable ofSelf(Trace trace, OperatorCalls calls, SelectedRows rows) {
    return new Builder(trace, calls, rows, null).build();
  }

  /// The calls of both, by operator, input shapes and stack.
  OperatorTable plus(OperatorTable other) {
    Map<Row.Key, Row> sums = new LinkedHashMap<>();
    for (OperatorTable table : List.of(this, other)) {
      for (Row row : table.rows) {
        sums.merge(row.key(), row, Row::plus);
      }
    }
    return new OperatorTable(sorted(new ArrayList<>(sums.values())));
  }

  /// One row per operator name; shapes and stack are empty where they differ between the calls.
  public OperatorTable byOperator() {
    Map<String, Row> sums = new LinkedHashMap<>();
    for (Row row : rows) {
      sums.merge(row.operator(), row, Row::plus);
    }
    return new OperatorTable(sorted(new ArrayList<>(sums.values())));
  }

  private static List<Row> sorted(List<Row> rows) {
    rows.sort(
        Comparator.comparingLong(Row::deviceSelfNs)
            .thenComparingLong(Row::cpuSelfNs)
            .reversed()
            .thenComparing(Row::operator)
            .thenComparing(Row::inputShapes));
    return rows;
  }

  private static final class Sum {
    final int firstRow;
    final int stack;
    long calls;
    long cpuTotal;
    long cpuSelf;
    long deviceTotal;
    long deviceSelf;
    long kernels;

    Sum(int firstRow, int stack) {
      this.firstRow = firstRow;
      this.stack = stack;
    }
  }

  private static final class Builder {
    private final Trace trace;
    private final Events events;
    private final OperatorCalls calls;
    private final SelectedRows selected;
    private final @Nullable CallStacks stacks;
    private final long @Nullable [] deviceTotals;
    private final LongIntMap shapedNames = new LongIntMap(1 << 10);
    private final LongIntMap groups = new LongIntMap(1 << 10);
    private final List<Sum> sums = new ArrayList<>();

    Builder(Trace trace, OperatorCalls calls, SelectedRows rows, @Nullable CallStacks stacks) {
      this.trace = trace;
      this.events = trace.events();
      this.calls = calls;
      this.selected = rows;
      this.stacks = stacks;
      this.deviceTotals = stacks == null ? null : calls.deviceTotalsNs();
    }

    OperatorTable build() {
      for (int i = 0; i < selected.operatorCount(); i++) {
        add(selected.operator(i));
      }
      List<Row> rows = new ArrayList<>(sums.size());
      for (Sum sum : sums) {
        rows.add(
            new Row(
                events.name(sum.firstRow),
                trace.strings().text(events.inputDims(sum.firstRow)),
                stacks == null ? List.of() : stacks.frames(sum.stack),
                sum.calls,
                sum.cpuTotal,
                sum.cpuSelf,
                sum.deviceTotal,
                sum.deviceSelf,
                sum.kernels));
      }
      return new OperatorTable(sorted(rows));
    }

    private void add(int row) {
      int call = calls.call(row);
      Sum sum = sum(call);
      if (call == row) {
        sum.calls++;
        sum.cpuTotal += calls.cpuTotalNs(row);
        sum.deviceTotal += deviceTotals == null ? 0 : deviceTotals[row];
      }
      sum.cpuSelf += calls.cpuSelfNs(row);
      sum.deviceSelf += calls.deviceSelfNs(row);
      sum.kernels += calls.kernels(row);
    }

    private Sum sum(int call) {
      long name = LongIntMap.key(events.nameId(call), events.inputDims(call));
      int shapedName = shapedNames.putIfAbsent(name, shapedNames.size());
      int stack = stacks == null ? CallStacks.NONE : stacks.id(call);
      int group = groups.putIfAbsent(LongIntMap.key(shapedName, stack), sums.size());
      if (group == sums.size()) {
        sums.add(new Sum(call, stack));
      }
      return sums.get(group);
    }
  }
}
