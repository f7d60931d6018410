package dev.kerneltracer.trace;

/// The distinct pairs of pid and tid; for all threads.
final class ThreadTable {
  private final LongIntMap ids = new LongIntMap(64);
  private final IntColumn processes = new IntColumn();

  synchronized int id(int process, int thread) {
    int id = ids.putIfAbsent(((long) process << 32) | (thread & 0xFFFFFFFFL), processes.size());
    if (id == processes.size()) {
      processes.add(process);
    }
    return id;
  }

  int size() {
    return processes.size();
  }

  int process(int id) {
    return processes.get(id);
  }
}
