package dev.kerneltracer.trace;

import java.util.Arrays;

/// From backward operators to the forward operators whose gradient they compute.
///
/// A `fwdbwd` flow binds each of its ends to the operator of that thread which starts just then,
/// else to the innermost one around it. A backward operator without a flow is joined by its
/// sequence number: of the forward operators that carry it, the last to start made the node (as in
/// PyTorch's `generateForwardBackwardLinks`, torch/csrc/autograd/profiler_kineto.cpp). Threads
/// count for themselves: a number that several forward threads carry joins nothing.
final class ForwardLinks {
  private static final int AMBIGUOUS = -2;

  private final Events events;
  private final ThreadNesting nesting;
  private final LongIntMap forward = new LongIntMap(16);

  ForwardLinks(Events events, ThreadNesting nesting) {
    this.events = events;
    this.nesting = nesting;
    joinByFlow();
    joinBySequenceNumber();
  }

  /// The forward operator of the innermost linked one among `operator` and those around it, -1 for
  /// none.
  int of(int operator) {
    if (forward.size() == 0) {
      return -1;
    }
    for (int around = operator; around >= 0; around = nesting.operator[around]) {
      int found = forward.get(around);
      if (found >= 0) {
        return found;
      }
    }
    return -1;
  }

  private void joinByFlow() {
    Flows flows = events.flows();
    LongIntMap starts = new LongIntMap(flows.size());
    for (int i = 0; i < flows.size(); i++) {
      int operator = flows.isEnd(i) ? -1 : operatorAt(flows.thread(i), flows.timeNs(i));
      if (operator >= 0) {
        starts.putIfAbsent(flows.id(i), operator);
      }
    }
    for (int i = 0; i < flows.size(); i++) {
      int from = flows.isEnd(i) ? starts.get(flows.id(i)) : -1;
      int operator = from < 0 ? -1 : operatorAt(flows.thread(i), flows.timeNs(i));
      if (operator >= 0 && operator != from) {
        forward.putIfAbsent(operator, from);
      }
    }
  }

  /// The operator that starts at a time, the outermost of several with a sequence number, else the
  /// innermost one around that time.
  private int operatorAt(int thread, long timeNs) {
    ThreadRows rows = nesting.rows;
    int last = rows.lastStarting(thread, timeNs);
    int starting = -1;
    int numbered = -1;
    for (int i = last; i >= rows.from(thread) && events.startNs(rows.row(i)) == timeNs; i--) {
      int row = rows.row(i);
      if (events.category(row) == Category.OPERATOR) {
        starting = row;
        numbered = events.sequenceNumber(row) >= 0 ? row : numbered;
      }
    }
    if (starting >= 0) {
      return numbered >= 0 ? numbered : starting;
    }
    if (last < rows.from(thread)) {
      return -1;
    }
    int around = rows.row(last);
    if (events.category(around) != Category.OPERATOR) {
      around = nesting.operator[around];
    }
    while (around >= 0 && events.endNs(around) < timeNs) {
      around = nesting.operator[around];
    }
    return around;
  }

  private void joinBySequenceNumber() {
    LongIntMap wanted = new LongIntMap(16);
    IntColumn operators = events.operators();
    for (int i = 0; i < operators.size(); i++) {
      int row = operators.get(i);
      if (isUnjoinedBackward(row)) {
        wanted.putIfAbsent(events.sequenceNumber(row), wanted.size());
      }
    }
    if (wanted.size() == 0) {
      return;
    }
    int[] found = new int[wanted.size()];
    Arrays.fill(found, -1);
    for (int i = 0; i < operators.size(); i++) {
      int row = operators.get(i);
      if (events.sequenceNumber(row) >= 0 && events.forwardThread(row) == 0) {
        int slot = wanted.get(events.sequenceNumber(row));
        if (slot >= 0) {
          found[slot] = later(found[slot], row);
        }
      }
    }
    for (int i = 0; i < operators.size(); i++) {
      int row = operators.get(i);
      if (isUnjoinedBackward(row)) {
        int operator = found[wanted.get(events.sequenceNumber(row))];
        if (operator >= 0 && events.startNs(operator) <= events.startNs(row)) {
          forward.putIfAbsent(row, operator);
        }
      }
    }
  }

  private boolean isUnjoinedBackward(int operator) {
    return events.forwardThread(operator) > 0
        && events.sequenceNumber(operator) >= 0
        && forward.get(operator) < 0;
  }

  private int later(int found, int row) {
    if (found < 0) {
      return found == AMBIGUOUS ? AMBIGUOUS : row;
    }
    if (events.thread(found) != events.thread(row)) {
      return AMBIGUOUS;
    }
    return events.startNs(row) >= events.startNs(found) ? row : found;
  }
}
