package dev.kerneltracer.live;

/// Durations in constant memory: how many, their sum, shortest and longest exactly, and quantiles
/// to within 5 %.
public final class DurationHistogram {
  /// Steps within each power of two.
  private static final int STEPS = 16;

  private static final int STEP_BITS = 4;

  private final long[] counts = new long[Long.SIZE * STEPS];
  private long count;
  private long sumNs;
  private long minNs = Long.MAX_VALUE;
  private long maxNs;

  void add(long ns) {
    long value = Math.max(0, ns);
    counts[bucket(value)]++;
    count++;
    sumNs += value;
    minNs = Math.min(minNs, value);
    maxNs = Math.max(maxNs, value);
  }

  void addAll(DurationHistogram other) {
    for (int i = 0; i < counts.length; i++) {
      counts[i] += other.counts[i];
    }
    count += other.count;
    sumNs += other.sumNs;
    minNs = Math.min(minNs, other.minNs);
    maxNs = Math.max(maxNs, other.maxNs);
  }

  public long count() {
    return count;
  }

  public long sumNs() {
    return sumNs;
  }

  public double meanNs() {
    return count == 0 ? 0 : (double) sumNs / count;
  }

  public long minNs() {
    return count == 0 ? 0 : minNs;
  }

  public long maxNs() {
    return maxNs;
  }

  /// The duration below or at which this share of them lies; 0 where there are none.
  public long quantileNs(double share) {
    long rank = (long) Math.ceil(share * count);
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= rank && counts[i] > 0) {
        return Math.clamp(middle(i), minNs, maxNs);
      }
    }
    return 0;
  }

  /// How many are at most so long, to within a bucket.
  long atMost(long ns) {
    long seen = 0;
    for (int i = 0; i < counts.length && middle(i) <= ns; i++) {
      seen += counts[i];
    }
    return seen;
  }

  private static int bucket(long value) {
    if (value < STEPS) {
      return (int) value;
    }
    int power = Long.SIZE - 1 - Long.numberOfLeadingZeros(value);
    int step = (int) (value >>> (power - STEP_BITS)) & (STEPS - 1);
    return (power - STEP_BITS + 1) * STEPS + step;
  }

  private static long middle(int bucket) {
    if (bucket < STEPS) {
      return bucket;
    }
    int shift = bucket / STEPS - 1;
    long low = (long) (STEPS + bucket % STEPS) << shift;
    return low + (1L << shift) / 2;
  }
}
