package dev.kerneltracer.trace;

import java.util.ArrayList;
import java.util.List;

/// A trace by value: what two readings of the same text must agree on, whatever ids the texts got.
final class TraceValues {
  private TraceValues() {}

  /// One text per row, with every column that the row has.
  static List<String> rows(Trace trace) {
    List<String> rows = new ArrayList<>();
    for (int row = 0; row < trace.events().size(); row++) {
      rows.add(row(trace, row));
    }
    return rows;
  }

  static String row(Trace trace, int row) {
    Events events = trace.events();
    StringBuilder text = new StringBuilder();
    text.append(events.categoryText(row)).append('|').append(events.name(row));
    text.append('|').append(text(trace, events.process(row)));
    text.append('|').append(events.startNs(row)).append('|').append(events.durationNs(row));
    text.append('|').append(events.externalId(row)).append('|').append(events.correlation(row));
    switch (events.category(row)) {
      case KERNEL, MEMCPY, MEMSET -> {
        text.append('|').append(text(trace, events.device(row)));
        text.append('|').append(text(trace, events.stream(row)));
        text.append('|').append(text(trace, events.grid(row)));
        text.append('|').append(text(trace, events.block(row)));
        text.append('|').append(events.registersPerThread(row));
        text.append('|').append(events.sharedMemoryBytes(row));
        text.append('|').append(events.occupancyPercent(row));
        text.append('|').append(events.bytes(row));
      }
      case OPERATOR -> {
        text.append('|').append(text(trace, events.inputDims(row)));
        text.append('|').append(text(trace, events.inputTypes(row)));
        text.append('|').append(events.sequenceNumber(row));
        text.append('|').append(events.forwardThread(row));
        text.append('|').append(text(trace, events.callStack(row)));
      }
      case ANNOTATION, GPU_ANNOTATION, RUNTIME, PYTHON_FUNCTION, MODULE, PROFILER_SPAN, OTHER -> {}
    }
    int collective = events.collectives().find(row);
    if (collective >= 0) {
      text.append('|').append(text(trace, events.collectives().name(collective)));
      text.append('|').append(events.collectives().inElements(collective));
      text.append('|').append(events.collectives().groupSize(collective));
    }
    return text.toString();
  }

  private static String text(Trace trace, int id) {
    return id < 0 ? "-" : trace.strings().text(id);
  }

  /// The rows' threads, numbered as they first occur.
  static List<Integer> threads(Trace trace) {
    List<Integer> first = new ArrayList<>();
    List<Integer> threads = new ArrayList<>();
    for (int row = 0; row < trace.events().size(); row++) {
      int thread = trace.events().thread(row);
      if (!first.contains(thread)) {
        first.add(thread);
      }
      threads.add(first.indexOf(thread));
    }
    return threads;
  }

  /// What lies beside the rows.
  static List<String> others(Trace trace) {
    List<String> others = new ArrayList<>();
    MemoryEvents memory = trace.events().memory();
    for (int i = 0; i < memory.size(); i++) {
      others.add("memory " + memory.timeNs(i) + " " + memory.bytes(i) + " " + memory.deviceId(i));
    }
    Flows flows = trace.events().flows();
    for (int i = 0; i < flows.size(); i++) {
      others.add("flow " + flows.id(i) + " " + flows.timeNs(i) + " " + flows.isEnd(i));
    }
    others.add(trace.metadata().values().toString());
    return others;
  }
}
