package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What an independent program counted in the same files.
class TruthTest {
  private static final String ABSENT = "none";
  private static final JsonMapper JSON = JsonMapper.shared();

  static List<String> ownTraces() {
    return names(TestTraces.file("truth.json"));
  }

  @ParameterizedTest
  @MethodSource("ownTraces")
  void totalsOfOwnTracesEqualTheTruth(String name) {
    JsonNode truth = JSON.readTree(TestTraces.file("truth.json")).get(name);

    assertTruth(TestTraces.file(name), truth);
  }

  static List<String> sharedTraces() {
    Path truths = TestTraces.shared().resolve("truth_shared.json");
    if (!Files.exists(truths)) {
      return List.of(ABSENT);
    }
    return names(truths);
  }

  private static List<String> names(Path truths) {
    return JSON.readTree(truths).propertyNames().stream()
        .filter(name -> !name.startsWith("_"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("sharedTraces")
  void totalsOfSharedTracesEqualTheTruth(String name) {
    assumeTrue(
        !name.equals(ABSENT),
        "the shared traces are not beside the repository; own ones were read");
    Path shared = TestTraces.shared();

    assertTruth(shared.resolve(name), JSON.readTree(shared.resolve("truth_shared.json")).get(name));
  }

  private static void assertTruth(Path file, JsonNode truth) {
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    Totals totals = Totals.of(trace, links);
    assertThat(counted(trace, links, totals))
        .as(file.getFileName().toString())
        .containsExactlyEntriesOf(expected(truth));
    assertThat(trace.trust().complete()).isEqualTo(true);
    assertThat(trace.trust().damage()).isEmpty();
    assertThat(KernelTable.of(trace).totalNs()).isEqualTo(totals.kernelTimeNs());
  }

  private static Map<String, Object> counted(Trace trace, TraceLinks links, Totals totals) {
    Map<String, Object> counted = new TreeMap<>();
    counted.put("events", totals.events());
    counted.put("complete events", (long) trace.events().size());
    counted.put("categories", categories(trace));
    counted.put("kernels", totals.kernels());
    counted.put("distinct kernels", totals.distinctKernels());
    counted.put("kernel time", totals.kernelTimeNs());
    counted.put("memcpys", totals.memcpys());
    counted.put("memcpy time", totals.memcpyTimeNs());
    counted.put("memory reports", (long) trace.events().memory().size());
    counted.put("memsets", totals.memsets());
    counted.put("memset time", totals.memsetTimeNs());
    counted.put("span", totals.spanNs());
    counted.put("busy", totals.busyNs());
    counted.put("joined to launch", totals.kernelsJoinedToLaunch());
    counted.put(
        "joined to operator",
        links.idsAreCorrelations() ? totals.kernelsJoinedToOperator() : links.kernelsJoinedById());
    return counted;
  }

  private static Map<String, Object> expected(JsonNode truth) {
    JsonNode links = truth.get("links");
    Map<String, Object> expected = new TreeMap<>();
    expected.put("events", truth.get("events").asLong());
    expected.put("complete events", truth.get("x_total").asLong());
    expected.put("categories", numbers(truth.get("x_by_category")));
    expected.put("kernels", truth.at("/kernels/count").asLong());
    expected.put("distinct kernels", truth.at("/kernels/distinct_names").asLong());
    expected.put("kernel time", truth.at("/kernels/total_ns").asLong());
    expected.put("memcpys", truth.at("/memcpy/count").asLong());
    expected.put("memcpy time", truth.at("/memcpy/total_ns").asLong());
    expected.put("memory reports", truth.path("memory_instants").asLong());
    expected.put("memsets", truth.at("/memset/count").asLong());
    expected.put("memset time", truth.at("/memset/total_ns").asLong());
    expected.put("span", truth.get("span_x_ns").asLong());
    expected.put("busy", numbers(truth.get("gpu_busy_ns")));
    expected.put("joined to launch", links.get("linked_to_launch").asLong());
    boolean idsAreCorrelations = links.get("launch_id_equals_correlation").asLong() > 0;
    expected.put(
        "joined to operator",
        links.get(idsAreCorrelations ? "launch_inside_op" : "linked_to_op").asLong());
    return expected;
  }

  private static Map<String, Long> numbers(JsonNode object) {
    Map<String, Long> numbers = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      numbers.put(entry.getKey(), entry.getValue().asLong());
    }
    return numbers;
  }

  private static Map<String, Long> categories(Trace trace) {
    Map<String, Long> counts = new TreeMap<>();
    for (int row = 0; row < trace.events().size(); row++) {
      String text = trace.events().categoryText(row);
      counts.merge(text.isEmpty() ? "(none)" : text, 1L, Long::sum);
    }
    return counts;
  }

  @Test
  void everyKernelOfAGraphReplayIsJoinedToItsOneLaunch() {
    Trace trace = TraceReader.read(TestTraces.trace("cuda_graph_replay"));
    TraceLinks links = TraceLinks.of(trace);
    for (int row = 0; row < trace.events().size(); row++) {
      if (trace.events().category(row) == Category.KERNEL) {
        assertThat(trace.events().name(links.launch(row))).isEqualTo("cudaGraphLaunch");
        assertThat(links.operator(row)).isEqualTo(-1);
      }
    }
    assertThat(Totals.of(trace, links).launches()).isEqualTo(20);
  }

  @Test
  void kernelsAreJoinedToTheModuleAroundTheirLaunch() {
    Trace trace = TraceReader.read(TestTraces.trace("hf_llama_eager_stack"));
    TraceLinks links = TraceLinks.of(trace);
    Map<String, Long> modules = new TreeMap<>();
    for (int row = 0; row < trace.events().size(); row++) {
      if (trace.events().category(row) == Category.KERNEL && links.module(row) >= 0) {
        String module = trace.events().name(links.module(row));
        modules.merge(module.replaceAll("_\\d+$", ""), 1L, Long::sum);
      }
    }
    assertThat(modules).containsKeys("nn.Module: Linear", "nn.Module: LlamaRMSNorm");
    assertThat(modules.keySet()).allSatisfy(name -> assertThat(name).startsWith("nn.Module: "));
  }
}
