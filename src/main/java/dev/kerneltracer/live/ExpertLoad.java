package dev.kerneltracer.live;

import java.util.Arrays;

/// How often each expert of a layer was chosen, in the sampled forwards.
public final class ExpertLoad {
  private static final int MOST_EXPERTS = 65_536;

  private final int layer;
  private long[] counts = new long[0];
  private long[] last = new long[0];

  ExpertLoad(int layer) {
    this.layer = layer;
  }

  void add(long[] sample) {
    if (sample.length > MOST_EXPERTS) {
      return;
    }
    if (sample.length > counts.length) {
      counts = Arrays.copyOf(counts, sample.length);
    }
    for (int i = 0; i < sample.length; i++) {
      counts[i] += sample[i];
    }
    last = sample;
  }

  public int layer() {
    return layer;
  }

  public long[] counts() {
    return counts.clone();
  }

  public long total() {
    return Arrays.stream(counts).sum();
  }

  /// Standard deviation over the experts of the last sample.
  double lastDeviation() {
    double mean = Arrays.stream(last).average().orElse(0);
    double squares = 0;
    for (long count : last) {
      squares += (count - mean) * (count - mean);
    }
    return last.length == 0 ? 0 : Math.sqrt(squares / last.length);
  }

  /// The busiest expert over the idlest of the last sample; infinite where one had nothing.
  double lastMaxMinRatio() {
    return ratio(last, (double) Arrays.stream(last).min().orElse(0));
  }

  /// The busiest expert over the mean, of all samples: how much longer the layer waits for one
  /// expert than with an even load.
  public double maxMeanRatio() {
    return ratio(counts, Arrays.stream(counts).average().orElse(0));
  }

  private static double ratio(long[] counts, double divisor) {
    long max = Arrays.stream(counts).max().orElse(0);
    if (max == 0) {
      return 1;
    }
    return divisor == 0 ? Double.POSITIVE_INFINITY : max / divisor;
  }
}
