package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import java.util.Map;
import java.util.TreeMap;

/// The time in which a device does anything: per device the length of the union of its kernels,
/// copies and fills, which may overlap.
final class BusyTime {
  private final Trace trace;
  private final Map<Integer, Intervals> byDevice = new TreeMap<>();
  private int lastDevice = Integer.MIN_VALUE;
  private Intervals last = new Intervals();

  BusyTime(Trace trace) {
    this.trace = trace;
  }

  void add(int row) {
    int device = trace.events().device(row);
    if (device != lastDevice) {
      lastDevice = device;
      last = byDevice.computeIfAbsent(device, _ -> new Intervals());
    }
    last.add(trace.events().startNs(row), trace.events().endNs(row));
  }

  Map<String, Long> byDeviceNs() {
    Map<String, Long> busy = new TreeMap<>();
    byDevice.forEach(
        (device, intervals) -> busy.put(trace.strings().text(device), intervals.unionNs()));
    return busy;
  }

  long sumNs() {
    long sum = 0;
    for (Intervals intervals : byDevice.values()) {
      sum += intervals.unionNs();
    }
    return sum;
  }
}
