package dev.kerneltracer.load;

import java.util.Arrays;

/// When the requests of an open loop come, made beforehand: they do not wait for answers.
public sealed interface Arrivals {
  /// Times from 0 to below `durationNs`, ascending, at most `most` of them.
  default long[] times(long seed, long durationNs, int most) {
    Randomness random = Randomness.of(seed, "arrivals", 0);
    long[] times = new long[Math.min(most, 1_024)];
    int count = 0;
    double at = first(durationNs / 1e9, random);
    while (count < most && at * 1e9 < durationNs) {
      if (count == times.length) {
        times = Arrays.copyOf(times, (int) Math.min(most, 2L * count));
      }
      times[count++] = (long) (at * 1e9);
      at = next(at, durationNs / 1e9, random);
    }
    return Arrays.copyOf(times, count);
  }

  /// The time in seconds of the first arrival.
  default double first(double durationS, Randomness random) {
    return next(0, durationS, random);
  }

  /// The time in seconds of the arrival after that at `at`.
  double next(double at, double durationS, Randomness random);

  /// Requests per second, on average.
  double rate();

  /// Independent of each other, as many users are.
  record Poisson(double rate) implements Arrivals {
    @Override
    public double next(double at, double durationS, Randomness random) {
      return at + random.nextExponential() / rate;
    }
  }

  /// Evenly spaced.
  record Constant(double rate) implements Arrivals {
    @Override
    public double first(double durationS, Randomness random) {
      return 0;
    }

    @Override
    public double next(double at, double durationS, Randomness random) {
      return at + 1 / rate;
    }
  }

  /// Gaps of a gamma distribution: in bursts where `burstiness` is below 1, Poisson at 1, more even
  /// above it, as in `vllm bench serve`. Its coefficient of variation is 1 / √burstiness.
  record Gamma(double rate, double burstiness) implements Arrivals {
    @Override
    public double next(double at, double durationS, Randomness random) {
      return at + random.nextGamma(burstiness) / (burstiness * rate);
    }
  }

  /// Independent of each other, at a rate that grows or falls evenly over the duration.
  record Ramp(double from, double to) implements Arrivals {
    @Override
    public double rate() {
      return (from + to) / 2;
    }

    /// Solves Λ(t) = Λ(at) + E for the expected number Λ of arrivals until a time.
    @Override
    public double next(double at, double durationS, Randomness random) {
      double slope = (to - from) / durationS;
      double more = random.nextExponential();
      double rateNow = from + slope * at;
      double inside = rateNow * rateNow + 2 * slope * more;
      if (inside <= 0) {
        return Double.POSITIVE_INFINITY; // the rate falls to 0 before another comes
      }
      return at + 2 * more / (rateNow + StrictMath.sqrt(inside));
    }
  }
}
