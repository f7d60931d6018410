package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ArrivalsTest {
  private static final long HOUR_NS = 3_600_000_000_000L;

  @Test
  void poissonGapsVaryAsMuchAsTheyLast() {
    long[] times = new Arrivals.Poisson(10).times(1, HOUR_NS, Integer.MAX_VALUE);

    assertThat(times.length / 3600.0).isCloseTo(10, within(0.2));
    assertThat(variation(times)).isCloseTo(1, within(0.02));
    assertThat(times).isSorted();
  }

  @Test
  void constantGapsAreAllTheSame() {
    long[] times = new Arrivals.Constant(4).times(1, 2_000_000_000L, 100);

    assertThat(times)
        .containsExactly(
            0,
            250_000_000,
            500_000_000,
            750_000_000,
            1_000_000_000,
            1_250_000_000,
            1_500_000_000,
            1_750_000_000);
  }

  @Test
  void gammaComesInBurstsAtTheSameRate() {
    long[] bursts = new Arrivals.Gamma(10, 0.25).times(1, HOUR_NS, Integer.MAX_VALUE);
    long[] even = new Arrivals.Gamma(10, 16).times(1, HOUR_NS, Integer.MAX_VALUE);

    assertThat(bursts.length / 3600.0).isCloseTo(10, within(0.4));
    assertThat(even.length / 3600.0).isCloseTo(10, within(0.1));
    assertThat(variation(bursts)).isCloseTo(2, within(0.1));
    assertThat(variation(even)).isCloseTo(0.25, within(0.01));
  }

  @Test
  void aRampGrowsEvenly() {
    long[] up = new Arrivals.Ramp(0, 20).times(1, HOUR_NS, Integer.MAX_VALUE);
    long[] down = new Arrivals.Ramp(20, 0).times(1, HOUR_NS, Integer.MAX_VALUE);

    assertThat(up.length / 36_000.0).isCloseTo(1, within(0.02));
    assertThat(down.length / 36_000.0).isCloseTo(1, within(0.02));
    // Half of the time sees a quarter of the requests.
    assertThat(LongStream.of(up).filter(t -> t < HOUR_NS / 2).count() / (double) up.length)
        .isCloseTo(0.25, within(0.01));
    assertThat(LongStream.of(down).filter(t -> t < HOUR_NS / 2).count() / (double) down.length)
        .isCloseTo(0.75, within(0.01));
  }

  @Test
  void thereAreNoMoreThanWanted() {
    assertThat(new Arrivals.Poisson(1e6).times(1, HOUR_NS, 5_000)).hasSize(5_000);
  }

  private static double variation(long[] times) {
    double sum = 0;
    double squares = 0;
    int gaps = times.length - 1;
    for (int i = 0; i < gaps; i++) {
      double gap = times[i + 1] - times[i];
      sum += gap;
      squares += gap * gap;
    }
    double mean = sum / gaps;
    return Math.sqrt(squares / gaps - mean * mean) / mean;
  }
}
