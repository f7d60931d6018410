package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What torch.profiler's own `key_averages()` said of the same run.
class KeyAveragesTest {
  private static final JsonMapper JSON = JsonMapper.shared();

  @ParameterizedTest
  @ValueSource(strings = {"cuda_graph_replay", "hf_llama_eager_generate", "hf_llama_eager_stack"})
  void callsAndTimesEqualThoseOfTorch(String name) {
    JsonNode averages = JSON.readTree(TestTraces.file(name + ".key_averages.json"));

    assertAverages(TestTraces.trace(name), averages);
  }

  @Test
  void callsAndTimesOfALargeTraceEqualThoseOfTorch() throws IOException {
    Path shared = TestTraces.shared();
    Path trace = shared.resolve("qwen2_28l_generate_stack.pt.trace.json.gz");
    Path averages = shared.resolve("qwen2_28l_generate_stack.key_averages.json.gz");
    assumeTrue(Files.exists(trace), "the shared traces are not beside the repository: " + trace);
    try (InputStream in = new GZIPInputStream(Files.newInputStream(averages))) {
      assertAverages(trace, JSON.readTree(in));
    }
  }

  private static void assertAverages(Path file, JsonNode averages) {
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    Map<String, OperatorTable.Row> operators = new HashMap<>();
    for (OperatorTable.Row row : OperatorTable.of(trace, links).byOperator().rows()) {
      operators.put(row.operator(), row);
    }
    Map<String, KernelTable.Row> kernels = new HashMap<>();
    for (KernelTable.Row row : KernelTable.of(trace).rows()) {
      kernels.put(row.kernel(), row);
    }
    double claimed = deviceTimeOfOtherRows(averages, operators.keySet());
    Set<String> seen = new HashSet<>();
    for (JsonNode average : averages) {
      String key = average.get("key").asString();
      boolean onCpu = average.get("device_type").asString().endsWith("CPU");
      if (onCpu && operators.containsKey(key)) {
        assertOperator(operators.get(key), average, claimed);
        seen.add(key);
      } else if (!onCpu && kernels.containsKey(key)) {
        KernelTable.Row kernel = kernels.get(key);
        assertThat(kernel.calls()).as(key).isEqualTo(average.get("count").asLong());
        assertMicros(kernel.totalNs(), average, "device_us");
        seen.add(key);
      }
    }
    assertThat(seen).containsAll(operators.keySet()).containsAll(kernels.keySet());
  }

  /// torch gives a kernel to Kineto's own overhead row as well when that has the operator's id, so
  /// that it counts twice in the operators around.
  private static double deviceTimeOfOtherRows(JsonNode averages, Set<String> operators) {
    double sum = 0;
    for (JsonNode average : averages) {
      boolean onCpu = average.get("device_type").asString().endsWith("CPU");
      if (onCpu && !operators.contains(average.get("key").asString())) {
        sum += average.get("self_device_us").asDouble();
      }
    }
    return sum;
  }

  private static void assertOperator(
      OperatorTable.Row operator, JsonNode average, double claimedTwice) {
    assertThat(operator.calls()).as(operator.operator()).isEqualTo(average.get("count").asLong());
    assertMicros(operator.cpuTotalNs(), average, "cpu_us");
    assertThat(average.get("device_us").asDouble() - operator.deviceTotalNs() / 1e3)
        .as(operator.operator() + " device time")
        .isBetween(-0.01, claimedTwice + 0.01);
    // torch takes Kineto's own overhead rows off the operators that they interrupt.
    assertThat(operator.cpuSelfNs() / 1e3)
        .as(operator.operator())
        .isGreaterThan(average.get("self_cpu_us").asDouble() - 0.01);
  }

  private static void assertMicros(long nanoseconds, JsonNode average, String key) {
    double micros = average.get(key).asDouble();
    assertThat(nanoseconds / 1e3)
        .as(average.get("key").asString() + " " + key)
        .isCloseTo(micros, within(0.01 + micros * 1e-9));
  }

  @Test
  void operatorsWithTheirShapesEqualThoseOfTorchOnTheCpu() {
    Trace trace = TraceReader.read(TestTraces.trace("cpu_qwen3_steps"));
    Map<String, OperatorTable.Row> sums = new TreeMap<>();
    for (OperatorTable.Row row : OperatorTable.of(trace, TraceLinks.of(trace)).rows()) {
      sums.merge(row.operator() + " " + flat(row.inputShapes()), row, KeyAveragesTest::sum);
    }
    Map<String, String> ours = new TreeMap<>();
    sums.forEach((key, row) ->
        ours.put(
            key, row.calls() + " calls, " + row.cpuTotalNs() + " ns, self " + row.cpuSelfNs()));
    Map<String, String> theirs = new TreeMap<>();
    for (JsonNode average : JSON.readTree(TestTraces.file("cpu_qwen3_steps.key_averages.json"))) {
      String key = average.get("key").asString();
      if (!key.startsWith("kerneltracer.")) {
        theirs.put(
            key + " " + average.get("input_shapes").asString(),
            average.get("count").asLong()
                + " calls, "
                + Math.round(average.get("cpu_us").asDouble() * 1e3)
                + " ns, self "
                + Math.round(average.get("self_cpu_us").asDouble() * 1e3));
      }
    }
    assertThat(ours).containsExactlyEntriesOf(theirs);
  }

  private static OperatorTable.Row sum(OperatorTable.Row a, OperatorTable.Row b) {
    return new OperatorTable.Row(
        a.operator(),
        "",
        List.of(),
        a.calls() + b.calls(),
        a.cpuTotalNs() + b.cpuTotalNs(),
        a.cpuSelfNs() + b.cpuSelfNs(),
        a.deviceTotalNs() + b.deviceTotalNs(),
        a.deviceSelfNs() + b.deviceSelfNs(),
        a.kernels() + b.kernels());
  }

  /// torch writes the shapes of a list of tensors as an empty list.
  private static String flat(String shapes) {
    return shapes.isEmpty()
        ? "[]"
        : shapes.replaceAll("\\[(\\[[\\d, ]*\\](, )?)+\\](?=, |\\])(?!$)", "[]");
  }
}
