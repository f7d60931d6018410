package dev.kerneltracer.trace;

/// The allocator's reports (`[memory]` instants, recorded with `profile_memory`), in file order.
public final class MemoryEvents {
  private final LongColumn times = new LongColumn();
  private final IntColumn threads = new IntColumn();
  private final IntColumn deviceTypes = new IntColumn();
  private final IntColumn deviceIds = new IntColumn();
  private final LongColumn sizes = new LongColumn();
  private final LongColumn allocated = new LongColumn();
  private final LongColumn reserved = new LongColumn();

  void add(EventParser event, long timeNs, int thread) {
    times.add(timeNs);
    threads.add(thread);
    deviceTypes.add((int) event.number(Field.DEVICE_TYPE));
    deviceIds.add((int) event.number(Field.DEVICE_ID));
    sizes.add(event.number(Field.BYTES));
    allocated.add(event.number(Field.TOTAL_ALLOCATED));
    reserved.add(event.number(Field.TOTAL_RESERVED));
  }

  void addAll(MemoryEvents other) {
    times.addAll(other.times);
    threads.addAll(other.threads);
    deviceTypes.addAll(other.deviceTypes);
    deviceIds.addAll(other.deviceIds);
    sizes.addAll(other.sizes);
    allocated.addAll(other.allocated);
    reserved.addAll(other.reserved);
  }

  void clear() {
    times.clear();
    threads.clear();
    deviceTypes.clear();
    deviceIds.clear();
    sizes.clear();
    allocated.clear();
    reserved.clear();
  }

  public int size() {
    return times.size();
  }

  public long timeNs(int index) {
    return times.get(index);
  }

  /// The thread that allocated or freed, as in [Events#thread].
  public int thread(int index) {
    return threads.get(index);
  }

  /// c10's `DeviceType`: 0 is the CPU, 1 CUDA (also on ROCm).
  public int deviceType(int index) {
    return deviceTypes.get(index);
  }

  /// The device's number among those of its type; -1 for the CPU.
  public int deviceId(int index) {
    return deviceIds.get(index);
  }

  /// Bytes allocated by this event, negative for freed ones.
  public long bytes(int index) {
    return sizes.get(index);
  }

  /// Bytes that tensors hold on the device after it; 0 where the trace does not say.
  public long allocatedBytes(int index) {
    return allocated.get(index);
  }

  /// Bytes that the allocator holds of the device after it; 0 where the trace does not say.
  public long reservedBytes(int index) {
    return reserved.get(index);
  }
}
