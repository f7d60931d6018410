package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;

/// Each operator call's times, as torch.profiler's tree of calls gives them.
///
/// An operator whose only child has its own name (`aten::sum` that redispatches to `aten::sum`) is
/// one call with it: the inner row is [#isMerged] into the outer.
public final class OperatorCalls {
  private final Events events;
  private final TraceLinks links;
  // By [Events#operatorIndex].
  private final int[] childCount;
  private final long[] childTimeNs;
  private final long[] deviceSelfNs;
  private final int[] kernels;

  /// The row that [#call] found, and one more; 0 where it was not asked.
  private final int[] calls;

  public OperatorCalls(Trace trace, TraceLinks links) {
    this(trace, links, SelectedRows.of(trace, Selection.ALL));
  }

  /// @param rows whose device work is counted
  OperatorCalls(Trace trace, TraceLinks links, SelectedRows rows) {
    this.events = trace.events();
    this.links = links;
    int size = events.operators().size();
    childCount = new int[size];
    childTimeNs = new long[size];
    deviceSelfNs = new long[size];
    kernels = new int[size];
    calls = new int[size];
    addChildren(events.annotations());
    addChildren(events.operators());
    addChildren(events.calls());
    for (int i = 0; i < rows.deviceWorkCount(); i++) {
      if (links.operator(rows.deviceWork(i)) >= 0) {
        addDeviceWork(rows.deviceWork(i));
      }
    }
  }

  private void addChildren(IntColumn children) {
    for (int i = 0; i < children.size(); i++) {
      int row = children.get(i);
      int parent = links.parent(row);
      if (parent >= 0 && events.category(parent) == Category.OPERATOR) {
        int index = events.operatorIndex(parent);
        childCount[index]++;
        childTimeNs[index] += events.durationNs(row);
      }
    }
  }

  private void addDeviceWork(int row) {
    int index = events.operatorIndex(links.operator(row));
    deviceSelfNs[index] += events.durationNs(row);
    kernels[index] += events.category(row) == Category.KERNEL ? 1 : 0;
  }

  /// Whether an operator row belongs to the call of its parent.
  public boolean isMerged(int row) {
    int parent = links.parent(row);
    return parent >= 0
        && events.category(parent) == Category.OPERATOR
        && childCount[events.operatorIndex(parent)] == 1
        && events.nameId(parent) == events.nameId(row);
  }

  /// The outermost row of the call that an operator row belongs to: itself, mostly.
  public int call(int row) {
    int call = row;
    while (known(call) < 0 && isMerged(call)) {
      call = links.parent(call);
    }
    int outermost = known(call) < 0 ? call : known(call);
    for (int inner = row; known(inner) < 0; inner = links.parent(inner)) {
      calls[events.operatorIndex(inner)] = outermost + 1;
      if (inner == call) {
        break;
      }
    }
    return outermost;
  }

  private int known(int row) {
    return calls[events.operatorIndex(row)] - 1;
  }

  public long cpuTotalNs(int row) {
    return events.durationNs(row);
  }

  /// The time in the operator itself: neither in operators and annotations nor in runtime calls
  /// that it makes.
  public long cpuSelfNs(int row) {
    return events.durationNs(row) - childTimeNs[events.operatorIndex(row)];
  }

  /// The time of the kernels, copies and fills that the operator launched itself.
  public long deviceSelfNs(int row) {
    return deviceSelfNs[events.operatorIndex(row)];
  }

  /// How many kernels the operator launched itself.
  public int kernels(int row) {
    return kernels[events.operatorIndex(row)];
  }

  /// Per row the time of the kernels, copies and fills that it and all it calls launched. Summed
  /// from the innermost rows outwards, each row once: walking up from every kernel would take
  /// forever in deep recursion.
  long[] deviceTotalsNs() {
    long[] totals = new long[events.size()];
    IntColumn operators = events.operators();
    for (int i = 0; i < operators.size(); i++) {
      totals[operators.get(i)] = deviceSelfNs[i];
    }
    ThreadRows outerFirst = links.threadRows();
    for (int thread = 0; thread < outerFirst.threadCount(); thread++) {
      for (int i = outerFirst.to(thread) - 1; i >= outerFirst.from(thread); i--) {
        int row = outerFirst.row(i);
        int parent = links.parent(row);
        if (parent >= 0) {
          totals[parent] += totals[row];
        }
      }
    }
    return totals;
  }
}
