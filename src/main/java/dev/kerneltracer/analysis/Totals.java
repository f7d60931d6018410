package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.BitSet;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/// A trace in a few numbers.
///
/// @param events every object in the file's list of events
/// @param operatorCalls operator rows
/// @param distinctKernels kernels of different names
/// @param kernelTimeNs the plain sum of the kernels' durations; so for copies and fills
/// @param spanNs from the first start to the last end of all complete events but the profiler's own
/// @param busyNs per device the length of the union of kernels, copies and fills
/// @param busySumNs the sum of that over the devices
/// @param launches runtime rows to which at least one kernel is joined
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
    long kernelsJoinedToModule) {
  public Totals {
    busyNs = Collections.unmodifiableMap(new TreeMap<>(busyNs));
  }

  public static Totals of(Trace trace, TraceLinks links) {
    return of(trace, links, DeviceWork.of(trace));
  }

  public static Totals of(Trace trace, TraceLinks links, DeviceWork work) {
    Counts counts = new Counts(trace, links, work);
    Events events = trace.events();
    for (int row = 0; row < events.size(); row++) {
      counts.add(row);
    }
    return counts.totals();
  }

  private static final class Counts {
    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final DeviceWork work;
    private final BitSet names = new BitSet();
    private final BitSet launches = new BitSet();
    private long operators;
    private long kernels;
    private long kernelTime;
    private long memcpys;
    private long memcpyTime;
    private long memsets;
    private long memsetTime;
    private long firstStart = Long.MAX_VALUE;
    private long lastEnd = Long.MIN_VALUE;
    private long toLaunch;
    private long toOperator;
    private long toModule;

    Counts(Trace trace, TraceLinks links, DeviceWork work) {
      this.trace = trace;
      this.work = work;
      this.events = trace.events();
      this.links = links;
    }

    void add(int row) {
      Category category = events.category(row);
      if (category != Category.PROFILER_SPAN) {
        firstStart = Math.min(firstStart, events.startNs(row));
        lastEnd = Math.max(lastEnd, events.endNs(row));
      }
      switch (category) {
        case OPERATOR -> operators++;
        case KERNEL -> addKernel(row);
        case MEMCPY -> {
          memcpys++;
          memcpyTime += events.durationNs(row);
        }
        case MEMSET -> {
          memsets++;
          memsetTime += events.durationNs(row);
        }
        case ANNOTATION, GPU_ANNOTATION, RUNTIME, PYTHON_FUNCTION, PROFILER_SPAN, OTHER -> {}
      }
    }

    private void addKernel(int row) {
      kernels++;
      kernelTime += events.durationNs(row);
      names.set(events.nameId(row) + 1);
      if (links.launch(row) >= 0) {
        toLaunch++;
        launches.set(links.launch(row));
      }
      toOperator += links.operator(row) >= 0 ? 1 : 0;
      toModule += links.module(row) >= 0 ? 1 : 0;
    }

    Totals totals() {
      Map<String, Long> busy = work.busyNs();
      long busySum = 0;
      for (long device : busy.values()) {
        busySum += device;
      }
      return new Totals(
          trace.eventCount(),
          operators,
          kernels,
          names.cardinality(),
          kernelTime,
          memcpys,
          memcpyTime,
          memsets,
          memsetTime,
          firstStart > lastEnd ? 0 : lastEnd - firstStart,
          busy,
          busySum,
          launches.cardinality(),
          toLaunch,
          toOperator,
          toModule);
    }
  }
}
