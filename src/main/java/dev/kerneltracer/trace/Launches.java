package dev.kerneltracer.trace;

import java.util.Arrays;

/// What of the joins needs no nesting: device work to its launch, and operators by their id.
final class Launches {
  private final Events events;

  /// Per row of device work the row that launched it; -1 for none, and for all other rows.
  int[] launch = new int[0];

  /// Whether the file's launches carry their correlation in place of an operator's id.
  boolean carryTheirCorrelation;

  /// Operators by `External id`; none where those are correlations.
  RowsById operators = new RowsById(0, 0, 0);

  private long withId;
  private long withCorrelationAsId;

  Launches(Events events) {
    this.events = events;
    joinLaunches();
    carryTheirCorrelation = carryTheirCorrelation();
    if (!carryTheirCorrelation) {
      indexOperators();
    }
  }

  private void joinLaunches() {
    IntColumn calls = events.calls();
    long lowest = Long.MAX_VALUE;
    long highest = Long.MIN_VALUE;
    int count = 0;
    for (int i = 0; i < calls.size(); i++) {
      long correlation = events.correlation(calls.get(i));
      if (correlation != 0) {
        lowest = Math.min(lowest, correlation);
        highest = Math.max(highest, correlation);
        count++;
      }
    }
    RowsById byCorrelation = new RowsById(lowest, highest, count);
    for (int i = 0; i < calls.size(); i++) {
      int call = calls.get(i);
      if (events.correlation(call) != 0) {
        byCorrelation.putIfAbsent(events.correlation(call), call);
      }
    }
    launch = new int[events.size()];
    Arrays.fill(launch, -1);
    join(events.kernels(), byCorrelation);
    join(events.copies(), byCorrelation);
  }

  private void join(IntColumn work, RowsById byCorrelation) {
    for (int i = 0; i < work.size(); i++) {
      int row = work.get(i);
      long correlation = events.correlation(row);
      launch[row] = correlation == 0 ? -1 : byCorrelation.get(correlation);
      int call = launch[row];
      if (call >= 0 && events.externalId(call) != 0) {
        withId++;
        withCorrelationAsId += events.externalId(call) == events.correlation(call) ? 1 : 0;
      }
    }
  }

  private boolean carryTheirCorrelation() {
    return withId > 0 && withCorrelationAsId * 10 >= withId * 9;
  }

  private void indexOperators() {
    IntColumn rows = events.operators();
    long lowest = Long.MAX_VALUE;
    long highest = Long.MIN_VALUE;
    int count = 0;
    for (int i = 0; i < rows.size(); i++) {
      long id = events.externalId(rows.get(i));
      if (id != 0) {
        lowest = Math.min(lowest, id);
        highest = Math.max(highest, id);
        count++;
      }
    }
    operators = new RowsById(lowest, highest, count);
    for (int i = 0; i < rows.size(); i++) {
      long id = events.externalId(rows.get(i));
      if (id != 0) {
        operators.putIfAbsent(id, rows.get(i));
      }
    }
  }
}
