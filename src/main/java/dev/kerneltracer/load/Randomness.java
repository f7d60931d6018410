package dev.kerneltracer.load;

/// Random numbers that are the same on every machine and JDK: SplitMix64 (Steele, Lea, Flood 2014)
/// and textbook transforms of it by [StrictMath], since a plan is promised to be reproducible.
final class Randomness {
  private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

  private long state;

  Randomness(long seed) {
    state = seed;
  }

  /// A stream of its own for one of many things made from a seed.
  static Randomness of(long seed, String purpose, long index) {
    return new Randomness(derived(seed, purpose, index));
  }

  /// A seed of its own for one of many things made from a seed.
  static long derived(long seed, String purpose, long index) {
    long mixed = mix(seed + GOLDEN_GAMMA);
    for (int i = 0; i < purpose.length(); i++) {
      mixed = mix(mixed + purpose.charAt(i));
    }
    return mix(mixed + index * GOLDEN_GAMMA);
  }

  /// The `index`th number of the stream of a seed.
  static long at(long seed, long index) {
    return mix(seed + (index + 1) * GOLDEN_GAMMA);
  }

  private static long mix(long z) {
    long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
    return b ^ (b >>> 31);
  }

  long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /// From 0 to below 1.
  double nextDouble() {
    return (nextLong() >>> 11) * 0x1.0p-53;
  }

  /// From 0 to below `bound`.
  int below(int bound) {
    return bounded(nextLong(), bound);
  }

  /// A random number from 0 to below `bound`.
  static int bounded(long random, int bound) {
    return (int) Math.unsignedMultiplyHigh(random, bound);
  }

  /// Mean 1: the gap between two events of a Poisson process.
  double nextExponential() {
    return -StrictMath.log(1 - nextDouble());
  }

  /// Mean 0, standard deviation 1 (Box and Muller).
  double nextGaussian() {
    double radius = StrictMath.sqrt(2 * nextExponential());
    return radius * StrictMath.cos(2 * Math.PI * nextDouble());
  }

  /// Mean `shape`, scale 1 (Marsaglia and Tsang 2000).
  double nextGamma(double shape) {
    if (shape < 1) {
      return nextGamma(shape + 1) * StrictMath.pow(1 - nextDouble(), 1 / shape);
    }
    double d = shape - 1.0 / 3;
    double c = 1 / StrictMath.sqrt(9 * d);
    while (true) {
      double x = nextGaussian();
      double v = 1 + c * x;
      if (v > 0) {
        double cube = v * v * v;
        if (StrictMath.log(1 - nextDouble())
            < 0.5 * x * x + d - d * cube + d * StrictMath.log(cube)) {
          return d * cube;
        }
      }
    }
  }
}
