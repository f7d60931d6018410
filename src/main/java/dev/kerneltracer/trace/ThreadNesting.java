package dev.kerneltracer.trace;

import java.util.Arrays;

/// What encloses what in time, on each thread of the CPU.
final class ThreadNesting {
  /// Per row the innermost row around it on its thread, -1 for none: any CPU row but Python's and
  /// modules' …
  final int[] parent;

  /// … an operator …
  final int[] operator;

  /// … a Python function …
  final int[] python;

  /// … the call of a module, see [Events#isModule] …
  final int[] module;

  /// … a user's annotation.
  final int[] annotation;

  final ThreadRows rows;

  private final Events events;
  private final RowStack anyRows = new RowStack();
  private final RowStack operators = new RowStack();
  private final RowStack pythons = new RowStack();
  private final RowStack modules = new RowStack();
  private final RowStack annotations = new RowStack();

  ThreadNesting(Events events) {
    this.events = events;
    parent = none();
    operator = none();
    python = none();
    module = none();
    annotation = none();
    rows = new ThreadRows(events);
    for (int thread = 0; thread < rows.threadCount(); thread++) {
      nest(rows.from(thread), rows.to(thread));
    }
  }

  private int[] none() {
    int[] column = new int[events.size()];
    Arrays.fill(column, -1);
    return column;
  }

  private void nest(int from, int to) {
    anyRows.clear();
    operators.clear();
    pythons.clear();
    modules.clear();
    annotations.clear();
    for (int i = from; i < to; i++) {
      int row = rows.row(i);
      Category category = events.category(row);
      long start = events.startNs(row);
      long end = events.endNs(row);
      operators.closeBefore(start);
      pythons.closeBefore(start);
      modules.closeBefore(start);
      annotations.closeBefore(start);
      operator[row] =
          category == Category.OPERATOR ? operators.open(row, start, end) : operators.top();
      annotation[row] =
          category == Category.ANNOTATION ? annotations.open(row, start, end) : annotations.top();
      if (category == Category.PYTHON_FUNCTION || category == Category.MODULE) {
        python[row] = category == Category.MODULE ? pythons.top() : pythons.open(row, start, end);
        module[row] = events.isModule(row) ? modules.open(row, start, end) : modules.around(start);
      } else {
        python[row] = pythons.top();
        module[row] = modules.around(start);
        parent[row] = anyRows.open(row, start, end);
      }
    }
  }
}
