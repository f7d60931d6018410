package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IntervalsTest {
  @Test
  void theUnionCountsWhatOverlapsOnce() {
    Random random = new Random(7);
    for (int round = 0; round < 500; round++) {
      Intervals intervals = new Intervals();
      BitSet covered = new BitSet();
      for (int i = random.nextInt(20); i > 0; i--) {
        int start = random.nextInt(100);
        int end = start + random.nextInt(15);
        intervals.add(start, end);
        covered.set(start, end);
      }
      assertThat(intervals.unionNs()).isEqualTo(covered.cardinality());
    }
  }
}
