package dev.kerneltracer.live;

/// What was added in the last seconds, a cell for each second. Events may come late and out of
/// order: what is older than the window is left out.
final class RecentSum {
  private static final long SECOND_NS = 1_000_000_000L;

  /// The seconds whose mean a rate is.
  static final int WINDOW_SECONDS = 5;

  private static final int CELLS = 16;

  private final long[] second = new long[CELLS];
  private final long[] sum = new long[CELLS];

  void add(long tNs, long amount) {
    long at = tNs / SECOND_NS;
    int cell = (int) Math.floorMod(at, (long) CELLS);
    if (second[cell] > at) {
      return;
    }
    if (second[cell] != at) {
      second[cell] = at;
      sum[cell] = 0;
    }
    sum[cell] += amount;
  }

  /// The mean of the whole seconds before the one in which `nowNs` lies.
  double perSecond(long nowNs) {
    long now = nowNs / SECOND_NS;
    long total = 0;
    for (int i = 0; i < CELLS; i++) {
      if (second[i] < now && second[i] >= now - WINDOW_SECONDS) {
        total += sum[i];
      }
    }
    return (double) total / WINDOW_SECONDS;
  }
}
