package dev.kerneltracer.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SlotTest {
  @Test
  void eachJobGetsAGpuOfItsOwnAsLongAsThereAreGpus() {
    assertThat(Slot.of(3, List.of("0", "2"), 1, 16, Map.of()))
        .containsExactly(
            new Slot("0", Map.of("CUDA_VISIBLE_DEVICES", "0")),
            new Slot("2", Map.of("CUDA_VISIBLE_DEVICES", "2")),
            new Slot("0", Map.of("CUDA_VISIBLE_DEVICES", "0")));
  }

  @Test
  void aJobOfSeveralGpusGetsThemTogether() {
    List<String> gpus = List.of("0", "1", "2", "3", "4");

    assertThat(Slot.sensible(gpus, 2, 16, 0)).isEqualTo(2);
    assertThat(Slot.of(2, gpus, 2, 16, Map.of()))
        .extracting(Slot::device)
        .containsExactly("0,1", "2,3");
  }

  @Test
  void onACpuJobsShareTheCoresUnlessTheUserHasSaid() {
    assertThat(Slot.of(2, List.of(), 1, 9, Map.of()))
        .allMatch(slot -> slot.equals(new Slot("cpu", Map.of("OMP_NUM_THREADS", "4"))));
    assertThat(Slot.of(2, List.of(), 1, 9, Map.of("OMP_NUM_THREADS", "3")))
        .allMatch(slot -> slot.environment().isEmpty());
  }

  @Test
  void aSingleJobIsLeftWhatItsEnvironmentGivesIt() {
    assertThat(Slot.of(1, List.of("0", "1"), 1, 8, Map.of()))
        .containsExactly(new Slot("gpu", Map.of()));
    assertThat(Slot.of(1, List.of(), 1, 8, Map.of())).containsExactly(new Slot("cpu", Map.of()));
  }

  @Test
  void jobsOnACpuAreBoundedByCoresAndByMemory() {
    assertThat(Slot.sensible(List.of(), 1, 2, 24L << 30)).isEqualTo(1);
    assertThat(Slot.sensible(List.of(), 1, 64, 24L << 30)).isEqualTo(12);
    assertThat(Slot.sensible(List.of(), 1, 64, 1L << 30)).isEqualTo(1);
  }

  @Test
  void theUsersOwnChoiceOfGpusCounts() {
    assertThat(Slot.gpus(Map.of("CUDA_VISIBLE_DEVICES", "3, GPU-8f2a")))
        .containsExactly("3", "GPU-8f2a");
    assertThat(Slot.gpus(Map.of("CUDA_VISIBLE_DEVICES", ""))).isEmpty();
    assertThat(Slot.gpus(Map.of("CUDA_VISIBLE_DEVICES", "1,-1,2"))).containsExactly("1");
  }
}
