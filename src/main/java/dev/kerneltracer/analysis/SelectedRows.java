package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.Trace;

/// The selected rows of a trace by kind, in file order. Most rows of a large trace are Python
/// functions, which few tables ask for.
public final class SelectedRows {
  private final Selection selection;
  private final IntColumn kernels;
  private final IntColumn copies;
  private final IntColumn operators;
  private final IntColumn modules;
  private final boolean modulesRecorded;
  private final long spanNs;

  private SelectedRows(Events events, Selection selection) {
    this.selection = selection;
    kernels = selection.of(events.kernels());
    copies = selection.of(events.copies());
    operators = selection.of(events.operators());
    modules = selection.of(events.moduleCalls());
    modulesRecorded = modules.size() > 0 || selection.of(events.pythonFunctions()).size() > 0;
    spanNs = selection.spanNs(events);
  }

  public static SelectedRows of(Trace trace, Selection selection) {
    return new SelectedRows(trace.events(), selection);
  }

  public boolean has(int row) {
    return selection.has(row);
  }

  public int kernelCount() {
    return kernels.size();
  }

  /// The row of a kernel.
  ///
  /// @param index below [#kernelCount]
  public int kernel(int index) {
    return kernels.get(index);
  }

  int deviceWorkCount() {
    return kernels.size() + copies.size();
  }

  /// The row of a kernel, and after all kernels of a copy or fill.
  int deviceWork(int index) {
    return index < kernels.size() ? kernels.get(index) : copies.get(index - kernels.size());
  }

  int operatorCount() {
    return operators.size();
  }

  int operator(int index) {
    return operators.get(index);
  }

  int moduleCount() {
    return modules.size();
  }

  /// The row of a module's call.
  int module(int index) {
    return modules.get(index);
  }

  /// Whether modules could be seen: there are Python functions or marks.
  boolean hasModules() {
    return modulesRecorded;
  }

  /// From the first start to the last end of all but the profiler's own rows and those that have no
  /// usable time.
  long spanNs() {
    return spanNs;
  }
}
