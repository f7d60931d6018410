package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;

/// The selected rows of a trace by kind, in file order. Most rows of a large trace are Python
/// functions, which few tables ask for: one pass finds what each of them wants.
public final class SelectedRows {
  private final RowList kernels = new RowList();
  private final RowList copies = new RowList();
  private final RowList operators = new RowList();
  private final RowList modules = new RowList();
  private final Selection selection;
  private boolean modulesRecorded;
  private long firstStartNs = Long.MAX_VALUE;
  private long lastEndNs = Long.MIN_VALUE;

  private SelectedRows(Events events, Selection selection) {
    this.selection = selection;
    for (int row = 0; row < events.size(); row++) {
      if (selection.has(row)) {
        add(events, row);
      }
    }
  }

  public static SelectedRows of(Trace trace, Selection selection) {
    return new SelectedRows(trace.events(), selection);
  }

  private void add(Events events, int row) {
    Category category = events.category(row);
    switch (category) {
      case KERNEL -> kernels.add(row);
      case MEMCPY, MEMSET -> copies.add(row);
      case OPERATOR -> operators.add(row);
      case PYTHON_FUNCTION, MODULE -> {
        modulesRecorded = true;
        if (events.isModule(row)) {
          modules.add(row);
        }
      }
      case ANNOTATION, GPU_ANNOTATION, RUNTIME, PROFILER_SPAN, OTHER -> {}
    }
    if (category != Category.PROFILER_SPAN && events.hasTime(row)) {
      firstStartNs = Math.min(firstStartNs, events.startNs(row));
      lastEndNs = Math.max(lastEndNs, events.endNs(row));
    }
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
    return firstStartNs > lastEndNs ? 0 : lastEndNs - firstStartNs;
  }
}
