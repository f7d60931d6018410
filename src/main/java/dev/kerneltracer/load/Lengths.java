package dev.kerneltracer.load;

/// How long prompts or answers are, in tokens.
public sealed interface Lengths {
  /// One length, drawn.
  int draw(Randomness random);

  /// All the same.
  record Fixed(int tokens) implements Lengths {
    @Override
    public int draw(Randomness random) {
      return tokens;
    }
  }

  /// Every length from `least` to `most` as likely as another.
  record Uniform(int least, int most) implements Lengths {
    @Override
    public int draw(Randomness random) {
      return least + random.below(most - least + 1);
    }
  }

  /// A bell, clipped.
  record Normal(double mean, double deviation, int least, int most) implements Lengths {
    @Override
    public int draw(Randomness random) {
      return clipped(mean + deviation * random.nextGaussian(), least, most);
    }
  }

  /// Most are short and a few are long, as people's are, clipped. Mean and standard deviation are
  /// those of the lengths themselves before they are clipped, not of their logarithms.
  record Lognormal(double mean, double deviation, int least, int most) implements Lengths {
    @Override
    public int draw(Randomness random) {
      double variance = StrictMath.log(1 + deviation * deviation / (mean * mean));
      double centre = StrictMath.log(mean) - variance / 2;
      double drawn = StrictMath.exp(centre + StrictMath.sqrt(variance) * random.nextGaussian());
      return clipped(drawn, least, most);
    }
  }

  private static int clipped(double drawn, int least, int most) {
    return Math.clamp(Math.round(drawn), least, most);
  }
}
