package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.kerneltracer.analysis.InferencePath.Part;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// The operators of a step, in order, those of alike layers once.
class StepOperatorsTest {
  private static final String STEP = "kerneltracer.decode step=1 batch=1";
  private final ChromeTrace trace = new ChromeTrace();
  private final List<Part> parts = new ArrayList<>();
  private int now = 10;

  @Test
  void alikeLayersStandOnceWithTheKernelsOfAll() {
    operator("aten::embedding", "gather", 1);
    for (int layer = 0; layer < 3; layer++) {
      int begin = now++;
      operator("aten::mul", "scale", 2);
      operator("aten::mul", "scale", 2);
      int linear = now++;
      operator("aten::linear", "gemm", 5);
      mark("layers." + layer + ".up Linear", linear);
      mark("layers." + layer + " Layer", begin);
    }
    operator("aten::argmax", "reduce", 3);

    assertThat(rows())
        .containsExactly(
            row("aten::embedding", "", 0, 1, "gather", 1),
            row("aten::mul", "layers.*", 3, 6, "scale", 12),
            row("aten::linear", "layers.*.up", 3, 3, "gemm", 15),
            row("aten::argmax", "", 0, 1, "reduce", 3));
  }

  @Test
  void layersOfOtherOperatorsAreNamedByTheirNumbers() {
    for (int layer = 0; layer < 4; layer++) {
      int begin = now++;
      operator(layer % 2 == 0 ? "aten::conv1d" : "aten::sdpa", "k", 1);
      mark("layers." + layer + " Layer", begin);
    }

    assertThat(rows())
        .containsExactly(
            row("aten::conv1d", "layers.0,2", 2, 2, "k", 2),
            row("aten::sdpa", "layers.1,3", 2, 2, "k", 2));
  }

  @Test
  void whereTimesAreRoundNoLayerIsToldApartByOperators() {
    for (int layer = 0; layer < 2; layer++) {
      int begin = now++;
      operator("aten::linear", "k", 1);
      trace.operator(layer == 0 ? "aten::view" : "aten::t", now, now);
      now++;
      mark("layers." + layer + " Layer", begin);
    }

    assertThat(rows())
        .extracting(StepOperators.Row::operator, StepOperators.Row::module)
        .containsExactly(
            tuple("aten::linear", "layers.*"),
            tuple("aten::view", "layers.*"),
            tuple("aten::t", "layers.*"));
  }

  @Test
  void whatLayersRunInDifferentNumberStandsBetweenWhatTheyRunAlike() {
    for (int layer = 0; layer < 2; layer++) {
      int begin = now++;
      operator("aten::norm", "n", 1);
      for (int expert = 0; expert <= layer; expert++) {
        int at = now++;
        operator("aten::linear", "gemm", 2);
        mark("layers." + layer + ".experts." + (expert + 3) + " MLP", at);
        operator("aten::index_add", "scatter", 1);
      }
      operator("aten::add", "a", 1);
      mark("layers." + layer + " Layer", begin);
    }

    assertThat(rows())
        .containsExactly(
            row("aten::norm", "layers.*", 2, 2, "n", 2),
            row("aten::linear", "layers.*.experts.*", 2, 3, "gemm", 6),
            row("aten::index_add", "layers.*", 2, 3, "scatter", 3),
            row("aten::add", "layers.*", 2, 2, "a", 2));
    assertThat(rows().get(1).callsPerLayer()).isEqualTo(1.5);
  }

  @Test
  void whatRunsBetweenLayersStandsOnce() {
    for (int layer = 0; layer < 3; layer++) {
      int begin = now++;
      operator("aten::linear", "gemm", 1);
      mark("layers." + layer + " Layer", begin);
      operator("aten::index", "pick", 1);
    }
    operator("aten::cat", "cat", 1);

    assertThat(rows())
        .containsExactly(
            row("aten::linear", "layers.*", 3, 3, "gemm", 3),
            row("aten::index", "", 0, 3, "pick", 3),
            row("aten::cat", "", 0, 1, "cat", 1));
  }

  @Test
  void aLaunchWithoutOperatorStandsUnderItsCall() {
    int begin = now++;
    trace.launch(ChromeTrace.MAIN, "cuLaunchKernelEx", now, now + 1);
    trace.work("kernel", "triton_norm", 0, 7, 5000, 5004);
    now += 2;
    mark("norm Norm", begin);

    assertThat(rows()).containsExactly(row("cuLaunchKernelEx", "norm", 0, 1, "triton_norm", 4));
  }

  @Test
  void innerOperatorsBelongToTheOuter() {
    int begin = now++;
    trace.operator("aten::linear", now, now + 20);
    trace.operator("aten::addmm", now + 2, now + 18);
    trace.launch(now + 4, now + 5, "gemm", 6000, 6007);
    now += 21;
    mark("lm_head Linear", begin);

    assertThat(rows()).containsExactly(row("aten::linear", "lm_head", 0, 1, "gemm", 7));
  }

  /// An operator that launches one kernel.
  private void operator(String name, String kernel, int kernelUs) {
    trace.operator(name, now, now + 4);
    trace.launch(now + 1, now + 2, kernel, 1000 + now * 10, 1000 + now * 10 + kernelUs);
    now += 5;
  }

  /// A module's call from a time until now.
  private void mark(String module, int begin) {
    trace.operator("kerneltracer.module " + module, begin, now++);
  }

  /// A row whose operator launches one kernel each time.
  private static StepOperators.Row row(
      String operator, String module, int layers, long calls, String kernel, long deviceUs) {
    return new StepOperators.Row(
        operator, module, layers, calls, 0, deviceUs * 1000, Map.of(kernel, calls));
  }

  private List<StepOperators.Row> rows() {
    Trace read = trace.annotation(ChromeTrace.MAIN, STEP, 5, now + 5).read();
    TraceLinks links = TraceLinks.of(read);
    DeviceWork work = DeviceWork.of(read);
    InferencePath path = new InferencePath(parts, List.of(), List.of());
    return StepOperators.of(
            read,
            links,
            work,
            Steps.of(read, links, work),
            0,
            new ModulePaths(read, links),
            new ModuleLists(path),
            _ -> "",
            PathFilter.ALL)
        .rows()
        .stream()
        .map(row ->
            new StepOperators.Row(
                row.operator(),
                row.module(),
                row.layers(),
                row.calls(),
                0,
                row.deviceNs(),
                row.kernels()))
        .toList();
  }
}
