package dev.kerneltracer.trace;

import java.util.Arrays;

/// What of the joins needs no nesting: device work to its launch, and operators by their id.
final class Launches {
  private final Events events;

  /// Per row of device work the row that launched it; -1 for none, and for all other rows.
  int[] launch = new int[0];

  /// The rows of device work, in file order.
  int[] work = new int[1024];

  int workCount;

  /// Whether the file's launches carry their correlation in place of an operator's id.
  boolean carryTheirCorrelation;

  /// Operators by `External id`; none where those are correlations.
  RowsById operators = new RowsById(0, 0, 0);

  private int[] calls = new int[1024];
  private int callCount;
  private int operatorCount;
  private long lowestCorrelation = Long.MAX_VALUE;
  private long highestCorrelation = Long.MIN_VALUE;
  private long lowestId = Long.MAX_VALUE;
  private long highestId = Long.MIN_VALUE;

  Launches(Events events) {
    this.events = events;
    findRows();
    joinLaunches();
    carryTheirCorrelation = carryTheirCorrelation();
    if (!carryTheirCorrelation) {
      indexOperators();
    }
  }

  private void findRows() {
    for (int row = 0; row < events.size(); row++) {
      switch (events.category(row)) {
        case RUNTIME -> addCall(row);
        case KERNEL, MEMCPY, MEMSET -> {
          if (workCount == work.length) {
            work = Arrays.copyOf(work, workCount * 2);
          }
          work[workCount++] = row;
        }
        case OPERATOR -> {
          long id = events.externalId(row);
          if (id != 0) {
            lowestId = Math.min(lowestId, id);
            highestId = Math.max(highestId, id);
            operatorCount++;
          }
        }
        case ANNOTATION, GPU_ANNOTATION, PYTHON_FUNCTION, MODULE, PROFILER_SPAN, OTHER -> {}
      }
    }
  }

  private void addCall(int row) {
    long correlation = events.correlation(row);
    if (correlation == 0) {
      return;
    }
    lowestCorrelation = Math.min(lowestCorrelation, correlation);
    highestCorrelation = Math.max(highestCorrelation, correlation);
    if (callCount == calls.length) {
      calls = Arrays.copyOf(calls, callCount * 2);
    }
    calls[callCount++] = row;
  }

  private void joinLaunches() {
    RowsById byCorrelation = new RowsById(lowestCorrelation, highestCorrelation, callCount);
    for (int i = 0; i < callCount; i++) {
      byCorrelation.putIfAbsent(events.correlation(calls[i]), calls[i]);
    }
    launch = new int[events.size()];
    Arrays.fill(launch, -1);
    for (int i = 0; i < workCount; i++) {
      long correlation = events.correlation(work[i]);
      launch[work[i]] = correlation == 0 ? -1 : byCorrelation.get(correlation);
    }
  }

  private boolean carryTheirCorrelation() {
    long withId = 0;
    long equal = 0;
    for (int i = 0; i < workCount; i++) {
      int call = launch[work[i]];
      if (call >= 0 && events.externalId(call) != 0) {
        withId++;
        equal += events.externalId(call) == events.correlation(call) ? 1 : 0;
      }
    }
    return withId > 0 && equal * 10 >= withId * 9;
  }

  private void indexOperators() {
    operators = new RowsById(lowestId, highestId, operatorCount);
    for (int row = 0; row < events.size(); row++) {
      if (events.category(row) == Category.OPERATOR && events.externalId(row) != 0) {
        operators.putIfAbsent(events.externalId(row), row);
      }
    }
  }
}
