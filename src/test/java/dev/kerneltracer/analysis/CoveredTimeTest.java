package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CoveredTimeTest {
  @Test
  void theUnionCountsWhatOverlapsOnce() {
    Random random = new Random(7);
    for (int round = 0; round < 500; round++) {
      CoveredTime covered = new CoveredTime();
      BitSet moments = new BitSet();
      for (int start = random.nextInt(10); start < 100; start += random.nextInt(12)) {
        int end = start + random.nextInt(15);
        covered.add(start, end);
        moments.set(start, end);
      }
      int from = random.nextInt(120) - 5;
      int to = from + random.nextInt(60);
      assertThat(covered.totalNs()).isEqualTo(moments.cardinality());
      assertThat(covered.withinNs(from, to))
          .isEqualTo(moments.get(Math.max(0, from), Math.max(0, to)).cardinality());
    }
  }
}
