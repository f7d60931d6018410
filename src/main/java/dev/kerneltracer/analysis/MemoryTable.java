package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.MemoryEvents;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;

/// The allocator's reports (`profile_memory`), in file order, which is that of time, each with the
/// operator in which its thread was then.
public final class MemoryTable {
  /// c10's names of device types, by number.
  private static final String[] DEVICE_TYPES = {
    "cpu",
    "cuda",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "hip",
    "fpga",
    "maia",
    "xla",
    "vulkan",
    "metal",
    "xpu",
    "mps",
    "meta",
    "hpu",
    "ve",
    "lazy",
    "ipu",
    "mtia",
    "privateuseone"
  };

  private final Events events;
  private final TraceLinks links;
  private final MemoryEvents memory;

  private MemoryTable(Trace trace, TraceLinks links) {
    this.events = trace.events();
    this.links = links;
    this.memory = events.memory();
  }

  public static MemoryTable of(Trace trace, TraceLinks links) {
    return new MemoryTable(trace, links);
  }

  public int size() {
    return memory.size();
  }

  public long timeNs(int index) {
    return memory.timeNs(index);
  }

  /// Such as `cuda:0`, `cpu`, or `hip:0` as newer builds for ROCm say.
  public String device(int index) {
    int type = memory.deviceType(index);
    String name = type >= 0 && type < DEVICE_TYPES.length ? DEVICE_TYPES[type] : "type" + type;
    return type == 0 || memory.deviceId(index) < 0 ? name : name + ":" + memory.deviceId(index);
  }

  /// Bytes that tensors hold on the device after it; 0 where the trace does not say.
  public long allocatedBytes(int index) {
    return memory.allocatedBytes(index);
  }

  /// Bytes that the allocator holds of the device after it; 0 where the trace does not say.
  public long reservedBytes(int index) {
    return memory.reservedBytes(index);
  }

  /// The innermost operator around the report on its thread; empty where there is none.
  public String operator(int index) {
    ThreadRows rows = links.threadRows();
    int thread = memory.thread(index);
    int last = rows.lastStarting(thread, memory.timeNs(index));
    if (last < rows.from(thread)) {
      return "";
    }
    int row = rows.row(last);
    int operator = events.category(row) == Category.OPERATOR ? row : links.operator(row);
    while (operator >= 0 && events.endNs(operator) < memory.timeNs(index)) {
      operator = links.operator(operator);
    }
    return operator < 0 ? "" : events.name(operator);
  }
}
