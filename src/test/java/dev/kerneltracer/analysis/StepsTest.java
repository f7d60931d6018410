package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.analysis.Steps.Phase;
import dev.kerneltracer.analysis.Steps.Row;
import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StepsTest {
  private static Steps steps(Trace trace) {
    return Steps.of(trace, TraceLinks.of(trace), DeviceWork.of(trace));
  }

  @Test
  void aRunOnTheCpuHasItsPrefillAndItsDecodeSteps() {
    List<Row> rows = steps(TraceReader.read(TestTraces.trace("cpu_qwen3_steps"))).rows();

    assertThat(rows)
        .extracting(Row::step, Row::phase, Row::requests, Row::contextTokens, Row::generationTokens)
        .containsExactly(
            tuple(0L, Phase.PREFILL, 1L, 8L, 0L),
            tuple(1L, Phase.DECODE, 1L, 0L, 1L),
            tuple(2L, Phase.DECODE, 1L, 0L, 1L),
            tuple(3L, Phase.DECODE, 1L, 0L, 1L));
    assertThat(rows).allMatch(row -> row.operatorCalls() > 100 && row.spanNs() > 0);
    assertThat(rows.get(1).operatorCalls()).isEqualTo(rows.get(2).operatorCalls());
    assertThat(rows).allMatch(row -> row.busyNs() == 0 && row.idleNs() == row.spanNs());
  }

  @Test
  void deviceWorkBelongsToTheMarkThatLaunchedItAndNoTimeCountsTwice() {
    Trace trace =
        new ChromeTrace()
            .annotation(ChromeTrace.MAIN, "kerneltracer.decode step=0 batch=4", 0, 100)
            .annotation(ChromeTrace.MAIN, "kerneltracer.decode step=1 batch=4", 100, 200)
            .operator("aten::mm", 10, 15)
            .launch(12, 13, "a", 110, 120)
            .launch(ChromeTrace.MAIN, "cudaGraphLaunch", 20, 21)
            .work("kernel", "b", 0, 7, 115, 125)
            .launch(150, 151, "c", 160, 230)
            .work("gpu_user_annotation", "kerneltracer.decode step=0 batch=4", 0, 7, 110, 125)
            .read();

    assertThat(steps(trace).rows())
        .containsExactly(
            new Row(0, Phase.DECODE, 0, 125_000, 15_000, 110_000, 2, 20_000, 1, 0, 4, 4),
            new Row(1, Phase.DECODE, 125_000, 105_000, 70_000, 35_000, 1, 70_000, 0, 0, 4, 4));
  }

  @Test
  void workOfABackwardThreadBelongsToTheStepThatTheMainThreadMarks() {
    Trace trace =
        new ChromeTrace()
            .annotation(ChromeTrace.MAIN, "ProfilerStep#7", 0, 100)
            .annotation(ChromeTrace.MAIN, "ProfilerStep#8", 100, 200)
            .launch(9, "cudaLaunchKernel", 120, 125)
            .work("kernel", "backward", 0, 7, 130, 140)
            .read();

    assertThat(steps(trace).rows())
        .extracting(Row::step, Row::kernels)
        .containsExactly(tuple(7L, 0L), tuple(8L, 1L));
  }

  @Test
  void whereThreadsMarkStepsAtOnceEachHasItsOwn() {
    Trace trace =
        new ChromeTrace()
            .annotation(1, "ProfilerStep#1", 0, 100)
            .annotation(2, "ProfilerStep#1", 10, 110)
            .launch(1, "cudaLaunchKernel", 20, 25)
            .work("kernel", "first", 0, 7, 30, 140)
            .launch(2, "cudaLaunchKernel", 40, 45)
            .work("kernel", "second", 1, 7, 50, 60)
            .launch(3, "cudaLaunchKernel", 40, 45)
            .work("kernel", "of neither", 1, 7, 60, 70)
            .read();

    assertThat(steps(trace).rows())
        .extracting(Row::step, Row::kernels, Row::startNs, Row::spanNs)
        .containsExactly(tuple(0L, 1L, 0L, 140_000L), tuple(1L, 1L, 10_000L, 100_000L));
  }

  @Test
  void ofNestedMarksTheMoreTellingCounts() {
    Trace trace =
        new ChromeTrace()
            .annotation(1, "ProfilerStep#1", 0, 100)
            .annotation(1, "execute_context_1(5)_generation_0(0)", 10, 90)
            .annotation(1, "iteration_4", 20, 80)
            .read();

    assertThat(steps(trace).rows()).extracting(Row::phase).containsExactly(Phase.PREFILL);
  }

  @Test
  void layersThatBeginAgainAreNoSteps() {
    Trace trace =
        new ChromeTrace()
            .annotation(1, "decode layer 0", 0, 10)
            .annotation(1, "decode layer 1", 10, 20)
            .annotation(1, "decode layer 0", 20, 30)
            .annotation(1, "decode layer 1", 30, 40)
            .read();

    assertThat(steps(trace).rows()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "kerneltracer.prefill batch=2 tokens=8, PREFILL, 16, 0, 2",
    "kerneltracer.forward batch=2 tokens=8, FORWARD, 16, 0, 2",
    "kerneltracer.backward batch=2 tokens=8, BACKWARD, 16, 0, 2",
    "kerneltracer.optimizer, OPTIMIZER, 0, 0, 0",
    "execute_context_2(92)_generation_0(0), PREFILL, 92, 0, 2",
    "execute_context_6(308)_generation_2(2), MIXED, 308, 2, 8",
    "execute_context_0(0)_generation_0(0), UNKNOWN, 0, 0, 0",
    "execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk55086sqsq32sqsk55086), DECODE, 0, 32, 32",
    "execute_new_3_cached_0, PREFILL, -1, -1, 3",
    "execute_new_1_cached_4, MIXED, -1, -1, 5",
    "step[EXTEND bs=1 toks=107], PREFILL, 107, 0, 1",
    "step[DECODE bs=16], DECODE, 0, 16, 16",
    "step[MIXED bs=2], MIXED, -1, -1, 2",
    "ProfilerStep#552, UNKNOWN, -1, -1, -1",
    "decode_step_3, DECODE, -1, -1, -1",
    "Prefill 12, PREFILL, -1, -1, -1",
    "train iteration [7], UNKNOWN, -1, -1, -1"
  })
  void marksOfManyToolsAreKnown(
      String name, Phase phase, long context, long generation, long requests) {
    StepName step = Objects.requireNonNull(StepName.of(name));

    assertThat(step.phase()).isEqualTo(phase);
    assertThat(step.contextTokens()).isEqualTo(context);
    assertThat(step.generationTokens()).isEqualTo(generation);
    assertThat(step.requests()).isEqualTo(requests);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Optimizer.step#SGD.step",
        "decoder_layer_3",
        "timestep_embedding_2",
        "nccl:all_reduce",
        "autograd::engine::step 3",
        "execute_model",
        "DistributedDataParallel.forward"
      })
  void otherAnnotationsAreNoSteps(String name) {
    assertThat(StepName.of(name)).isNull();
  }

  @Test
  void numberedMarksAreStepsAndTheHostRunsAhead() {
    List<Row> rows = steps(TraceReader.read(TestTraces.trace("tp_rank0"))).rows();

    assertThat(rows).extracting(Row::step).containsExactly(0L, 1L, 2L, 3L, 4L, 5L);
    assertThat(rows).allMatch(row -> row.phase() == Phase.DECODE && row.kernels() == 96);
    for (int i = 1; i < rows.size(); i++) {
      assertThat(rows.get(i).startNs()).isGreaterThanOrEqualTo(rows.get(i - 1).endNs());
    }
  }

  @Test
  void aServersStepsAreToldApartAndGraphReplaysBelongToThem() {
    Path file = TestTraces.shared().resolve("vllm_qwen3_serve_graphs.pt.trace.json.gz");
    assumeTrue(Files.exists(file), "the shared traces are not beside the repository: " + file);
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    Steps steps = steps(trace);
    int replayed = 0;
    int replayedInSteps = 0;
    for (int row = 0; row < trace.events().size(); row++) {
      if (trace.events().category(row) == Category.KERNEL
          && trace.events().name(links.launch(row)).equals("cudaGraphLaunch")) {
        replayed++;
        replayedInSteps += steps.step(row) >= 0 ? 1 : 0;
      }
    }

    assertThat(steps.rows()).hasSize(20);
    assertThat(steps.rows()).filteredOn(row -> row.phase() == Phase.PREFILL).hasSize(1);
    assertThat(steps.rows()).filteredOn(row -> row.phase() == Phase.MIXED).hasSize(1);
    assertThat(steps.rows()).filteredOn(row -> row.phase() == Phase.DECODE).hasSize(18);
    assertThat(replayed).isEqualTo(7122);
    assertThat(replayedInSteps).isEqualTo(7122);
    // What samples is launched between vLLM's marks.
    assertThat(steps.rows().stream().mapToLong(Row::kernels).sum()).isEqualTo(7469);
  }
}
