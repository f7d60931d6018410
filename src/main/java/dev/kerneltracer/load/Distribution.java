package dev.kerneltracer.load;

/// How times are spread, exactly: no buckets. The percentile p is the smallest value that at least
/// p percent of all values do not exceed (nearest rank). All in nanoseconds; 0 where there is no
/// value.
///
/// @param count how many values there are
public record Distribution(
    long count, double meanNs, long p50Ns, long p90Ns, long p95Ns, long p99Ns, long maxNs) {

  static Distribution ofSorted(long[] sorted) {
    if (sorted.length == 0) {
      return new Distribution(0, 0, 0, 0, 0, 0, 0);
    }
    double sum = 0;
    for (long value : sorted) {
      sum += value;
    }
    return new Distribution(
        sorted.length,
        sum / sorted.length,
        rank(sorted, 50),
        rank(sorted, 90),
        rank(sorted, 95),
        rank(sorted, 99),
        sorted[sorted.length - 1]);
  }

  private static long rank(long[] sorted, int percent) {
    return sorted[(int) (((long) sorted.length * percent + 99) / 100) - 1];
  }

  /// One of its numbers.
  public double valueNs(Statistic statistic) {
    return switch (statistic) {
      case MEAN -> meanNs;
      case P50 -> p50Ns;
      case P90 -> p90Ns;
      case P95 -> p95Ns;
      case P99 -> p99Ns;
      case MAX -> maxNs;
    };
  }

  /// Which number.
  public enum Statistic {
    MEAN,
    P50,
    P90,
    P95,
    P99,
    MAX
  }
}
