package dev.kerneltracer.trace;

/// The flow events that lead from a forward operator to its backward one (`fwdbwd`), in file order.
/// Flows from launches to kernels (`ac2g`) say no more than `correlation` does and are not kept.
public final class Flows {
  private final LongColumn ids = new LongColumn();
  private final LongColumn times = new LongColumn();
  private final IntColumn threads = new IntColumn();
  private final ByteColumn ends = new ByteColumn();

  void add(long id, long timeNs, int thread, boolean end) {
    ids.add(id);
    times.add(timeNs);
    threads.add(thread);
    ends.add((byte) (end ? 1 : 0));
  }

  void addAll(Flows other) {
    ids.addAll(other.ids);
    times.addAll(other.times);
    threads.addAll(other.threads);
    ends.addAll(other.ends);
  }

  void clear() {
    ids.clear();
    times.clear();
    threads.clear();
    ends.clear();
  }

  public int size() {
    return ids.size();
  }

  /// Equal for both ends of one flow.
  public long id(int index) {
    return ids.get(index);
  }

  /// The start of the operator at this end.
  public long timeNs(int index) {
    return times.get(index);
  }

  /// The thread of that operator, as in [Events#thread].
  public int thread(int index) {
    return threads.get(index);
  }

  /// Whether this is the backward end.
  public boolean isEnd(int index) {
    return ends.get(index) != 0;
  }
}
