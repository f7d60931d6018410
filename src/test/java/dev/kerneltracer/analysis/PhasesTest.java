package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.kerneltracer.analysis.Phases.Mark;
import dev.kerneltracer.analysis.Phases.Phase;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PhasesTest {
  @TempDir Path directory;

  @Test
  void aRunOnTheCpuHasItsPrefillAndItsDecodeSteps() {
    Trace trace = TraceReader.read(TestTraces.trace("cpu_qwen3_steps"));

    Phases phases = Phases.of(trace, TraceLinks.of(trace));

    assertThat(phases.marks())
        .extracting(Mark::phase, Mark::step, Mark::batch, Mark::tokens)
        .containsExactly(
            tuple(Phase.PREFILL, -1, 1, 8),
            tuple(Phase.DECODE, 0, 1, -1),
            tuple(Phase.DECODE, 1, 1, -1),
            tuple(Phase.DECODE, 2, 1, -1));
    assertThat(phases.marks()).allMatch(mark -> mark.operatorCalls() > 100 && mark.spanNs() > 0);
    assertThat(phases.marks().get(1).operatorCalls())
        .isEqualTo(phases.marks().get(2).operatorCalls());
  }

  @Test
  void deviceWorkBelongsToTheMarkThatLaunchedIt() throws IOException {
    String text =
        """
        {"traceEvents": [
        {"ph":"X","cat":"user_annotation","name":"kerneltracer.decode step=0 batch=4","pid":1,"tid":1,"ts":0,"dur":100},
        {"ph":"X","cat":"gpu_user_annotation","name":"kerneltracer.decode step=0 batch=4","pid":0,"tid":7,"ts":90,"dur":60},
        {"ph":"X","cat":"user_annotation","name":"kerneltracer.decode step=1 batch=4","pid":1,"tid":1,"ts":100,"dur":100},
        {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":10,"dur":5,"args":{"External id":5}},
        {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":12,"dur":1,"args":{"External id":5,"correlation":8}},
        {"ph":"X","cat":"cuda_runtime","name":"cudaGraphLaunch","pid":1,"tid":1,"ts":20,"dur":1,"args":{"correlation":9}},
        {"ph":"X","cat":"kernel","name":"a","pid":0,"tid":7,"ts":110,"dur":10,"args":{"device":0,"stream":7,"correlation":8,"External id":5}},
        {"ph":"X","cat":"kernel","name":"b","pid":0,"tid":7,"ts":115,"dur":10,"args":{"device":0,"stream":7,"correlation":9}},
        {"ph":"X","cat":"kernel","name":"c","pid":0,"tid":7,"ts":150,"dur":10,"args":{"device":0,"stream":7,"correlation":1}}
        ]}
        """;
    Trace trace = TraceReader.read(Files.writeString(directory.resolve("t.json"), text));

    Phases phases = Phases.of(trace, TraceLinks.of(trace));

    assertThat(phases.marks())
        .containsExactly(
            new Mark(Phase.DECODE, 0, 4, -1, 0, 100_000, 1, 2, 20_000, 15_000),
            new Mark(Phase.DECODE, 1, 4, -1, 100_000, 100_000, 0, 0, 0, 0));
  }
}
