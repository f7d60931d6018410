package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;

/// What each call of a module costs, with all that it calls: device work, kernels and operators.
final class ModuleCosts {
  private final Events events;
  private final TraceLinks links;
  private final long[] deviceNs;
  private final int[] kernels;
  private final int[] operators;

  ModuleCosts(Trace trace, TraceLinks links, DeviceWork work) {
    this.events = trace.events();
    this.links = links;
    deviceNs = new long[events.size()];
    kernels = new int[events.size()];
    operators = new int[events.size()];
    for (int i = 0; i < work.size(); i++) {
      int row = work.row(i);
      int module = links.module(row);
      if (module >= 0) {
        deviceNs[module] += events.durationNs(row);
        kernels[module] += events.category(row) == Category.KERNEL ? 1 : 0;
      }
    }
    sumUp(links.threadRows());
  }

  private void sumUp(ThreadRows rows) {
    for (int thread = 0; thread < rows.threadCount(); thread++) {
      // Backward a row comes before the one around it.
      for (int i = rows.to(thread) - 1; i >= rows.from(thread); i--) {
        int row = rows.row(i);
        int around = links.module(row);
        if (around < 0) {
          continue;
        }
        if (events.isModule(row)) {
          deviceNs[around] += deviceNs[row];
          kernels[around] += kernels[row];
          operators[around] += operators[row];
        } else if (events.category(row) == Category.OPERATOR && links.operator(row) < 0) {
          operators[around]++;
        }
      }
    }
  }

  /// The cost of the call that a row is.
  CallCost of(int row) {
    return new CallCost(1, events.durationNs(row), deviceNs[row], kernels[row], operators[row]);
  }
}
