package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.Arrays;

/// Each operator call's times, as torch.profiler's tree of calls gives them.
///
/// An operator whose only child has its own name (`aten::sum` that redispatches to `aten::sum`) is
/// one call with it: the inner row is [#isMerged] into the outer.
public final class OperatorCalls {
  private final Events events;
  private final TraceLinks links;
  private final int[] childCount;
  private final long[] childTimeNs;
  private final long[] deviceTotalNs;
  private final long[] deviceSelfNs;
  private final int[] kernels;

  /// What [#call] found, -1 where it was not asked.
  private final int[] calls;

  public OperatorCalls(Trace trace, TraceLinks links) {
    this(trace, links, SelectedRows.of(trace, Selection.ALL));
  }

  /// @param rows whose device work is counted
  OperatorCalls(Trace trace, TraceLinks links, SelectedRows rows) {
    this.events = trace.events();
    this.links = links;
    int size = events.size();
    childCount = new int[size];
    childTimeNs = new long[size];
    deviceTotalNs = new long[size];
    deviceSelfNs = new long[size];
    kernels = new int[size];
    calls = new int[size];
    Arrays.fill(calls, -1);
    for (int row = 0; row < size; row++) {
      int parent = links.parent(row);
      if (parent >= 0) {
        childCount[parent]++;
        childTimeNs[parent] += events.durationNs(row);
      }
    }
    for (int i = 0; i < rows.deviceWorkCount(); i++) {
      if (links.operator(rows.deviceWork(i)) >= 0) {
        addDeviceWork(rows.deviceWork(i));
      }
    }
    sumDeviceTotals();
  }

  private void addDeviceWork(int row) {
    int operator = links.operator(row);
    deviceSelfNs[operator] += events.durationNs(row);
    kernels[operator] += events.category(row) == Category.KERNEL ? 1 : 0;
  }

  /// Sums from the innermost rows outwards, each row once: walking up from every kernel would take
  /// forever in deep recursion.
  private void sumDeviceTotals() {
    System.arraycopy(deviceSelfNs, 0, deviceTotalNs, 0, deviceTotalNs.length);
    int[] childrenLeft = childCount.clone();
    for (int row = 0; row < childCount.length; row++) {
      int inner = childCount[row] == 0 ? row : -1;
      while (inner >= 0 && links.parent(inner) >= 0) {
        int parent = links.parent(inner);
        deviceTotalNs[parent] += deviceTotalNs[inner];
        inner = --childrenLeft[parent] == 0 ? parent : -1;
      }
    }
  }

  /// Whether an operator row belongs to the call of its parent.
  public boolean isMerged(int row) {
    int parent = links.parent(row);
    return parent >= 0
        && childCount[parent] == 1
        && events.category(parent) == Category.OPERATOR
        && events.nameId(parent) == events.nameId(row);
  }

  /// The outermost row of the call that an operator row belongs to: itself, mostly.
  public int call(int row) {
    int call = row;
    while (calls[call] < 0 && isMerged(call)) {
      call = links.parent(call);
    }
    int outermost = calls[call] < 0 ? call : calls[call];
    for (int inner = row; calls[inner] < 0; inner = links.parent(inner)) {
      calls[inner] = outermost;
      if (inner == call) {
        break;
      }
    }
    return outermost;
  }

  public long cpuTotalNs(int row) {
    return events.durationNs(row);
  }

  /// The time in the operator itself: neither in operators and annotations nor in runtime calls
  /// that it makes.
  public long cpuSelfNs(int row) {
    return events.durationNs(row) - childTimeNs[row];
  }

  /// The time of the kernels, copies and fills that the operator and all it calls launched.
  public long deviceTotalNs(int row) {
    return deviceTotalNs[row];
  }

  /// The time of the kernels, copies and fills that the operator launched itself.
  public long deviceSelfNs(int row) {
    return deviceSelfNs[row];
  }

  /// How many kernels the operator launched itself.
  public int kernels(int row) {
    return kernels[row];
  }
}
