package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.BitSet;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/// A trace in a few numbers, or what of it is selected.
///
/// @param events every object in the file's list of events
/// @param operatorCalls operator rows
/// @param distinctKernels kernels of different names
/// @param kernelTimeNs the plain sum of the kernels' durations; so for copies and fills
/// @param spanNs from the first start to the last end of all complete events but the profiler's own
/// @param busyNs per device the length of the union of kernels, copies and fills
/// @param busySumNs the sum of that over the devices
/// @param launches runtime rows to which at least one kernel is joined
/// @param kernelsBeforeLaunch kernels that begin before the call that launched them: the clocks of
///   host and device are apart
/// @param kernelsJoinedToLaunch kernels whose launch is in the trace; the others are real time too
public record Totals(
    long events,
    long operatorCalls,
    long kernels,
    long distinctKernels,
    long kernelTimeNs,
    long memcpys,
    long memcpyTimeNs,
    long memsets,
    long memsetTimeNs,
    long spanNs,
    Map<String, Long> busyNs,
    long busySumNs,
    long launches,
    long kernelsJoinedToLaunch,
    long kernelsJoinedToOperator,
    long kernelsJoinedToModule,
    long kernelsBeforeLaunch) {
  public Totals {
    busyNs = Collections.unmodifiableMap(new TreeMap<>(busyNs));
  }

  public static Totals of(Trace trace, TraceLinks links) {
    return of(trace, links, DeviceWork.of(trace));
  }

  public static Totals of(Trace trace, TraceLinks links, DeviceWork work) {
    return of(trace, links, SelectedRows.of(trace, Selection.ALL), work);
  }

  /// The totals of what is selected; [#events] is of the whole file all the same.
  ///
  /// @param work of these rows
  static Totals of(Trace trace, TraceLinks links, SelectedRows rows, DeviceWork work) {
    Counts counts = new Counts(trace, links);
    for (int i = 0; i < rows.deviceWorkCount(); i++) {
      counts.add(rows.deviceWork(i));
    }
    return counts.totals(rows, work.busyNs());
  }

  private static final class Counts {
    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final BitSet names = new BitSet();
    private final BitSet launches = new BitSet();
    private long kernels;
    private long kernelTime;
    private long memcpys;
    private long memcpyTime;
    private long memsets;
    private long memsetTime;
    private long toLaunch;
    private long toOperator;
    private long toModule;
    private long beforeLaunch;

    Counts(Trace trace, TraceLinks links) {
      this.trace = trace;
      this.events = trace.events();
      this.links = links;
    }

    void add(int row) {
      switch (events.category(row)) {
        case KERNEL -> addKernel(row);
        case MEMCPY -> {
          memcpys++;
          memcpyTime += events.durationNs(row);
        }
        default -> {
          memsets++;
          memsetTime += events.durationNs(row);
        }
      }
    }

    private void addKernel(int row) {
      kernels++;
      kernelTime += events.durationNs(row);
      names.set(events.nameId(row) + 1);
      if (links.launch(row) >= 0) {
        toLaunch++;
        launches.set(links.launch(row));
        beforeLaunch += events.startNs(row) < events.startNs(links.launch(row)) ? 1 : 0;
      }
      toOperator += links.operator(row) >= 0 ? 1 : 0;
      toModule += links.module(row) >= 0 ? 1 : 0;
    }

    Totals totals(SelectedRows rows, Map<String, Long> busy) {
      long busySum = 0;
      for (long device : busy.values()) {
        busySum += device;
      }
      return new Totals(
          trace.eventCount(),
          rows.operatorCount(),
          kernels,
          names.cardinality(),
          kernelTime,
          memcpys,
          memcpyTime,
          memsets,
          memsetTime,
          rows.spanNs(),
          busy,
          busySum,
          launches.cardinality(),
          toLaunch,
          toOperator,
          toModule,
          beforeLaunch);
    }
  }
}
