package dev.kerneltracer.trace;

/// The distinct pairs of pid and tid.
final class ThreadTable {
  private final LongIntMap ids = new LongIntMap(64);
  private final IntColumn processes = new IntColumn();
  private long lastKey = Long.MIN_VALUE;
  private int lastId;

  int id(int process, int thread) {
    long key = ((long) process << 32) | (thread & 0xFFFFFFFFL);
    if (key != lastKey) {
      lastKey = key;
      lastId = ids.putIfAbsent(key, processes.size());
      if (lastId == processes.size()) {
        processes.add(process);
      }
    }
    return lastId;
  }

  int size() {
    return processes.size();
  }

  int process(int id) {
    return processes.get(id);
  }
}
