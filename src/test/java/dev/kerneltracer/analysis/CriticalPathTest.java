package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.analysis.CriticalPath.Kind;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CriticalPathTest {
  private static CriticalPath path(Trace trace) {
    TraceLinks links = TraceLinks.of(trace);
    DeviceWork work = DeviceWork.of(trace);
    return CriticalPath.of(trace, links, work, HostWaits.of(trace), Steps.of(trace, links, work));
  }

  /// The pieces of the first step as `kind name duration`, in microseconds.
  private static List<String> pieces(Trace trace) {
    CriticalPath path = path(trace);
    List<String> pieces = new ArrayList<>();
    for (int piece = path.from(0); piece < path.to(0); piece++) {
      pieces.add(
          path.kind(piece).text()
              + " "
              + path.name(piece)
              + " "
              + path.durationNs(0, piece) / 1000);
    }
    return pieces;
  }

  @Test
  void aSynchronisedStepWaitsForItsKernelsAndTheseForTheirFirstLaunch() {
    Trace trace =
        new ChromeTrace()
            .annotation(ChromeTrace.MAIN, "ProfilerStep#1", 0, 300)
            .operator("aten::mm", 10, 30)
            .launch(20, 25, "a", 28, 100)
            .operator("aten::add", 30, 50)
            .launch(40, 45, "b", 102, 200)
            .call("cudaDeviceSynchronize", 60, 210)
            .operator("aten::empty", 220, 290)
            .read();

    assertThat(pieces(trace))
        .containsExactly(
            "host  10",
            "host aten::mm 10",
            "launch cudaLaunchKernel 8",
            "kernel a 72",
            "wait b 2",
            "kernel b 98",
            "sync cudaDeviceSynchronize 10",
            "host  10",
            "host aten::empty 70",
            "host  10");
    assertThat(path(trace).totalNs(0, Kind.KERNEL)).isEqualTo(170_000);
  }

  @Test
  void aStepEndsWithItsLastKernelWhichALateLaunchHeldUp() {
    Trace trace =
        new ChromeTrace()
            .annotation(ChromeTrace.MAIN, "ProfilerStep#1", 0, 100)
            .operator("aten::mm", 10, 30)
            .launch(20, 25, "a", 28, 40)
            .operator("aten::add", 60, 95)
            .launch(80, 85, "b", 90, 200)
            .read();

    assertThat(pieces(trace))
        .containsExactly(
            "host  10",
            "host aten::mm 20",
            "host  30",
            "host aten::add 20",
            "launch cudaLaunchKernel 10",
            "kernel b 110");
  }

  @Test
  void aKernelMayWaitForAnotherStream() {
    Trace trace =
        new ChromeTrace()
            .launch(0, 1, "compute", 10, 100)
            .call("cudaStreamWaitEvent", 2, 3)
            .launch(ChromeTrace.MAIN, "cudaLaunchKernel", 4, 5)
            .work("kernel", "communication", 0, 8, 101, 150)
            .read();

    assertThat(pieces(trace))
        .containsExactly(
            "launch cudaLaunchKernel 10",
            "kernel compute 90",
            "wait communication 1",
            "kernel communication 49");
  }

  @Test
  void kernelsOfOneStreamThatOverlapShareTheTime() {
    Trace trace =
        new ChromeTrace().launch(0, 1, "first", 10, 100).launch(2, 3, "second", 90, 150).read();

    assertThat(pieces(trace))
        .containsExactly("launch cudaLaunchKernel 10", "kernel first 80", "kernel second 60");
  }

  @Test
  void theMainThreadWaitsForTheBackwardThread() {
    String number = "\"Sequence number\":1,\"Fwd thread id\":";
    Trace trace =
        new ChromeTrace()
            .annotation(ChromeTrace.MAIN, "ProfilerStep#1", 0, 100)
            .operator(ChromeTrace.MAIN, "aten::mm", 0, 20, number + 0)
            .operator(2, "MmBackward0", 30, 80, number + 1)
            .operator(ChromeTrace.MAIN, "optimizer", 85, 100, "")
            .read();

    assertThat(pieces(trace))
        .containsExactly(
            "host aten::mm 20", "host  10", "host MmBackward0 50", "host  5", "host optimizer 15");
  }

  static List<Path> traces() throws IOException {
    List<Path> files = new ArrayList<>();
    for (String name : TestTraces.OWN) {
      files.add(TestTraces.trace(name));
    }
    files.add(TestTraces.trace("cpu_qwen3_steps"));
    if (Files.exists(TestTraces.shared())) {
      try (Stream<Path> shared = Files.walk(TestTraces.shared())) {
        shared
            .filter(file -> file.toString().matches(".*\\.json(\\.gz)?"))
            .filter(file -> !file.toString().matches(".*(key_averages|truth).*"))
            .forEach(files::add);
      }
    }
    return files;
  }

  @ParameterizedTest
  @MethodSource("traces")
  void thePiecesOfAStepSumUpToItsSpan(Path file) {
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    DeviceWork work = DeviceWork.of(trace);
    Steps steps = Steps.of(trace, links, work);
    CriticalPath path = CriticalPath.of(trace, links, work, HostWaits.of(trace), steps);

    assertThat(path.size()).isPositive();
    for (int step = 0; step < path.stepCount(); step++) {
      long sum = 0;
      long shortest = Long.MAX_VALUE;
      for (int piece = path.from(step); piece < path.to(step); piece++) {
        shortest = Math.min(shortest, path.durationNs(step, piece));
        sum += path.durationNs(step, piece);
      }
      assertThat(shortest).isPositive();
      if (!steps.rows().isEmpty()) {
        assertThat(sum).isEqualTo(steps.rows().get(step).spanNs());
        assertThat(path.startNs(path.from(step))).isEqualTo(steps.rows().get(step).startNs());
      }
    }
  }

  @Test
  void aDecodeStepOfAServerIsBoundByItsGraph() {
    Path file = TestTraces.shared().resolve("vllm_qwen3_serve_graphs.pt.trace.json.gz");
    assumeTrue(Files.exists(file), "the shared traces are not beside the repository: " + file);
    CriticalPath path = path(TraceReader.read(file));
    for (int step = 4; step < 20; step++) {
      assertThat(path.totalNs(step, Kind.KERNEL)).isGreaterThan(1_500_000);
    }
  }
}
