package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForwardLinksTest {
  @TempDir Path directory;

  @Test
  void aBackwardKernelHasTheModuleOfTheForwardOperatorItsFlowLeadsFrom() throws IOException {
    Trace trace =
        read(
            row("python_function", "nn.Module: Linear_3", 1, 0, 50, ""),
            row("cpu_op", "aten::linear", 1, 10, 20, "\"Sequence number\":4"),
            row("cpu_op", "autograd: AddmmBackward0", 2, 100, 150, "\"Sequence number\":9"),
            row("cpu_op", "aten::mm", 2, 110, 140, "\"External id\":7"),
            row(
                "cuda_runtime",
                "cudaLaunchKernel",
                2,
                115,
                116,
                "\"External id\":7,\"correlation\":5"),
            row("kernel", "gemm", 9, 200, 210, "\"External id\":7,\"correlation\":5"),
            flow("s", 1, 10),
            flow("f", 2, 100));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.forward(2)).isEqualTo(1);
    assertThat(links.forward(5)).isEqualTo(1);
    assertThat(links.module(5)).isEqualTo(0);
    assertThat(links.forward(1)).isEqualTo(-1);
  }

  @Test
  void anEndOfAFlowWithinAnOperatorBindsToTheInnermostOne() throws IOException {
    Trace trace =
        read(
            row("cpu_op", "outer", 1, 0, 50, ""),
            row("cpu_op", "inner", 1, 10, 20, ""),
            row("cpu_op", "backward", 2, 100, 150, ""),
            flow("s", 1, 15),
            flow("f", 2, 101));

    assertThat(TraceLinks.of(trace).forward(2)).isEqualTo(1);
  }

  @Test
  void withoutFlowsTheLastForwardOperatorWithTheSequenceNumberMadeTheNode() throws IOException {
    Trace trace =
        read(
            row("cpu_op", "aten::linear", 1, 0, 50, "\"Sequence number\":4,\"Fwd thread id\":0"),
            row("cpu_op", "aten::addmm", 1, 10, 20, "\"Sequence number\":4,\"Fwd thread id\":0"),
            row(
                "cpu_op",
                "AddmmBackward0",
                2,
                100,
                150,
                "\"Sequence number\":4,\"Fwd thread id\":1"),
            row("cpu_op", "TBackward0", 2, 160, 170, "\"Sequence number\":5,\"Fwd thread id\":1"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.forward(2)).isEqualTo(1);
    assertThat(links.forward(3)).isEqualTo(-1);
  }

  @Test
  void aNumberThatTwoForwardThreadsCarryJoinsNothing() throws IOException {
    Trace trace =
        read(
            row("cpu_op", "aten::mm", 1, 0, 50, "\"Sequence number\":4,\"Fwd thread id\":0"),
            row("cpu_op", "aten::mm", 3, 0, 50, "\"Sequence number\":4,\"Fwd thread id\":0"),
            row("cpu_op", "MmBackward0", 2, 100, 150, "\"Sequence number\":4,\"Fwd thread id\":1"));

    assertThat(TraceLinks.of(trace).forward(2)).isEqualTo(-1);
  }

  /// Counted by an independent program in Python.
  @ParameterizedTest
  @CsvSource({
    "hta_mi250_minitoy_train_ROCm6_2_kineto.json.gz, 5",
    "hta_sampled_rank-0.json.gz, 202",
    "hta_sampled_rank-1.json.gz, 170",
    "kineto_gpu_metrics_input.json.gz, 8",
    "param_dlrm_worker0_step_12.1694128201545.pt.trace.json.gz, 86",
    "param_dlrm_worker1_step_12.1694128201556.pt.trace.json.gz, 87",
  })
  void backwardKernelsOfRealTrainingFindTheirForwardOperator(String name, int count) {
    Path file = TestTraces.shared().resolve("peers").resolve(name);
    assumeTrue(Files.exists(file), "the shared traces are not beside the repository: " + file);
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    int found = 0;
    for (int row = 0; row < trace.events().size(); row++) {
      if (trace.events().category(row) == Category.KERNEL && links.forward(row) >= 0) {
        found++;
      }
    }

    assertThat(found).isEqualTo(count);
  }

  private static String flow(String phase, int thread, int time) {
    return "{\"ph\":\"%s\",\"cat\":\"fwdbwd\",\"name\":\"fwdbwd\",\"id\":1,\"pid\":1,\"tid\":%d,\"ts\":%d}"
        .formatted(phase, thread, time);
  }

  private static String row(
      String category, String name, int thread, int start, int end, String arguments) {
    return "{\"ph\":\"X\",\"cat\":\"%s\",\"name\":\"%s\",\"pid\":1,\"tid\":%d,\"ts\":%d,\"dur\":%d,\"args\":{%s}}"
        .formatted(category, name, thread, start, end - start, arguments);
  }

  private Trace read(String... rows) throws IOException {
    return TraceReader.read(
        Files.writeString(directory.resolve("trace.json"), "[" + String.join(",", rows) + "]"));
  }
}
