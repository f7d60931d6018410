package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.RowSort;
import dev.kerneltracer.trace.Trace;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.TreeMap;

/// The kernels, copies and fills of a trace, device after device, those of a device in order of
/// start. An index runs over all of them.
public final class DeviceWork {
  private final Trace trace;
  private final Events events;
  private final int[] devices;
  private final int[] rows;
  private final int[] bounds;

  private DeviceWork(Trace trace, int[] devices, int[] rows, int[] bounds) {
    this.trace = trace;
    this.events = trace.events();
    this.devices = devices;
    this.rows = rows;
    this.bounds = bounds;
  }

  public static DeviceWork of(Trace trace) {
    return of(trace, SelectedRows.of(trace, Selection.ALL));
  }

  static DeviceWork of(Trace trace, SelectedRows selected) {
    Events events = trace.events();
    int size = selected.deviceWorkCount();
    LongIntMap known = new LongIntMap(8);
    int[] devices = new int[8];
    int[] bounds = new int[9];
    for (int i = 0; i < size; i++) {
      int row = selected.deviceWork(i);
      int device = known.putIfAbsent(events.device(row), known.size());
      if (device == devices.length) {
        devices = Arrays.copyOf(devices, device * 2);
        bounds = Arrays.copyOf(bounds, device * 2 + 1);
      }
      devices[device] = events.device(row);
      bounds[device + 1]++;
    }
    devices = Arrays.copyOf(devices, known.size());
    bounds = Arrays.copyOf(bounds, known.size() + 1);
    for (int device = 0; device < devices.length; device++) {
      bounds[device + 1] += bounds[device];
    }
    int[] next = bounds.clone();
    int[] rows = new int[size];
    for (int i = 0; i < size; i++) {
      int row = selected.deviceWork(i);
      rows[next[known.get(events.device(row))]++] = row;
    }
    for (int device = 0; device < devices.length; device++) {
      RowSort.outerFirst(events, rows, bounds[device], bounds[device + 1]);
    }
    return new DeviceWork(trace, devices, rows, bounds);
  }

  public int deviceCount() {
    return devices.length;
  }

  /// A device as the trace names it, mostly its number.
  public String device(int device) {
    return trace.strings().text(devices[device]);
  }

  public int size() {
    return rows.length;
  }

  /// The first index of a device.
  public int from(int device) {
    return bounds[device];
  }

  /// The index behind a device's last.
  public int to(int device) {
    return bounds[device + 1];
  }

  public int row(int index) {
    return rows[index];
  }

  /// The index of the last work of a device that starts before a time; below [#from] where there is
  /// none.
  int lastBefore(int device, long timeNs) {
    return RowSort.lastStarting(events, rows, from(device), to(device), timeNs - 1);
  }

  /// Per device the length of the union of its work, which may overlap.
  public Map<String, Long> busyNs() {
    Map<String, Long> busy = new TreeMap<>();
    for (int device = 0; device < devices.length; device++) {
      busy.put(device(device), busy(device).totalNs());
    }
    return busy;
  }

  /// When a device works.
  CoveredTime busy(int device) {
    CoveredTime busy = new CoveredTime();
    for (int i = from(device); i < to(device); i++) {
      add(rows[i], busy);
    }
    return busy;
  }

  /// When any device works.
  CoveredTime busy() {
    if (devices.length == 1) {
      return busy(0);
    }
    int[] all = rows.clone();
    RowSort.outerFirst(events, all, 0, all.length);
    CoveredTime busy = new CoveredTime();
    for (int row : all) {
      add(row, busy);
    }
    return busy;
  }

  /// When kernels of a device run other than those with the indices `without`.
  CoveredTime busyWithKernels(int device, BitSet without) {
    CoveredTime busy = new CoveredTime();
    for (int i = from(device); i < to(device); i++) {
      if (events.category(rows[i]) == Category.KERNEL && !without.get(i)) {
        add(rows[i], busy);
      }
    }
    return busy;
  }

  private void add(int row, CoveredTime busy) {
    if (events.hasTime(row)) {
      busy.add(events.startNs(row), events.endNs(row));
    }
  }
}
