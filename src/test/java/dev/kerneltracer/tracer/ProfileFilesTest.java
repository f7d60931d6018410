package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.tracer.ProfileFiles.Profile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ProfileFilesTest {
  private static final JsonMapper JSON = JsonMapper.shared();

  @TempDir Path directory;

  @Test
  void theProfileHasTheKeysOfTheEarlierTool() {
    ProfileFiles.write(TestTraces.trace("hf_llama_eager_generate"), directory, "torch");

    JsonNode sum = JSON.readTree(directory.resolve("torch_profile.json")).get("aten::sum");
    assertThat(sum.isArray()).isTrue();
    JsonNode entry = sum.get(0);
    assertThat(entry.propertyNames())
        .containsExactly(
            "count",
            "cpu_time_total",
            "cuda_time_total",
            "self_cpu_time_total",
            "input_shapes",
            "stack");
    assertThat(entry.get("input_shapes").get(0).isArray()).isTrue();
    long calls = 0;
    for (JsonNode call : sum) {
      calls += call.get("count").asLong();
    }
    assertThat(calls).isEqualTo(9);
  }

  @Test
  void theProfileHasOnlyOperators() {
    ProfileFiles.write(TestTraces.trace("cpu_qwen3_steps"), directory, "torch");

    JsonNode profile = JSON.readTree(directory.resolve("torch_profile.json"));
    assertThat(profile.propertyNames()).isNotEmpty().noneMatch(n -> n.startsWith("kerneltracer."));
  }

  @Test
  void ofVllmEachOperatorIsOneObject() {
    ProfileFiles.write(TestTraces.trace("hf_llama_eager_generate"), directory, "vllm");

    JsonNode sum = JSON.readTree(directory.resolve("vllm_profile.json")).get("aten::sum");
    assertThat(sum.isObject()).isTrue();
    assertThat(sum.get("count").asLong()).isEqualTo(9);
    assertThat(directory.resolve("vllm_kernel_profile.csv")).exists();
  }

  @Test
  void anOperatorCallHasTheKernelsThatItLaunchedItself() {
    ProfileFiles.write(TestTraces.trace("hf_llama_eager_stack"), directory, "torch");

    JsonNode calls = JSON.readTree(directory.resolve("torch_kernel_profile.json"));
    JsonNode call = calls.get(0);
    assertThat(call.propertyNames())
        .containsExactly(
            "sequence_number",
            "cpu_op_name",
            "cpu_op_cat",
            "cpu_external_id",
            "cpu_time_us",
            "total_kernel_time_us",
            "kernel_call_count",
            "associated_kernels",
            "kernel_call_count_by_shape",
            "kernel_call_count_by_stream",
            "kernel_duration_stats_us",
            "input_dims_count",
            "call_stack");
    assertThat(call.get("associated_kernels").get(0).propertyNames())
        .containsExactly(
            "kernel_name",
            "kernel_cat",
            "kernel_external_id",
            "kernel_duration_us",
            "stream_id",
            "kernel_grid",
            "kernel_block",
            "module");
    assertThat(call.get("cpu_op_name").asString()).isEqualTo("aten::random_");
    assertThat(call.get("cpu_external_id").asLong()).isEqualTo(11267);
    assertThat(call.get("input_dims_count").asInt()).isEqualTo(4);
    assertThat(call.get("call_stack").asString()).contains("make_traces.py");
    assertThat(modules(calls)).contains("Linear_0");
  }

  private static List<String> modules(JsonNode calls) {
    List<String> modules = new ArrayList<>();
    for (JsonNode call : calls) {
      modules.add(call.at("/associated_kernels/0/module").asString());
    }
    return modules;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuda_graph_replay",
        "hf_llama_eager_generate",
        "hf_llama_eager_stack",
        "tp_rank1"
      })
  void noKernelIsLostWhateverLaunchedIt(String trace) throws IOException {
    Profile profile = ProfileFiles.write(TestTraces.trace(trace), directory, "torch");

    Map<String, Long> inJson = new HashMap<>();
    for (JsonNode call : JSON.readTree(directory.resolve("torch_kernel_profile.json"))) {
      for (JsonNode kernel : call.get("associated_kernels")) {
        inJson.merge(kernel.get("kernel_name").asString(), 1L, Long::sum);
      }
    }
    Map<String, Long> inTable = new HashMap<>();
    for (KernelTable.Row row : profile.kernels().rows()) {
      inTable.put(row.kernel(), row.calls());
    }
    assertThat(inJson).isEqualTo(inTable);
    assertThat(kernelCounts()).isEqualTo(inTable);
  }

  private Map<String, Long> kernelCounts() throws IOException {
    Map<String, Long> counts = new HashMap<>();
    List<String> lines = Files.readAllLines(directory.resolve("torch_kernel_profile.csv"));
    assertThat(lines.getFirst())
        .isEqualTo("cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count");
    for (String line : lines.subList(1, lines.size())) {
      // Only kernel names are quoted, and none of them holds a quote.
      int open = line.indexOf('"');
      String kernel =
          open >= 0 ? line.substring(open + 1, line.lastIndexOf('"')) : line.split(",", -1)[2];
      if (!kernel.isEmpty()) {
        counts.merge(kernel, Long.parseLong(line.substring(line.lastIndexOf(',') + 1)), Long::sum);
      }
    }
    return counts;
  }

  @Test
  void withoutADeviceThereAreAllOperatorsAndNoKernels() throws IOException {
    Profile profile = ProfileFiles.write(TestTraces.trace("cpu_qwen3_steps"), directory, "torch");

    assertThat(profile.kernels().rows()).isEmpty();
    assertThat(profile.steps().rows()).hasSize(4);
    assertThat(JSON.readTree(directory.resolve("torch_kernel_profile.json"))).isEmpty();
    assertThat(Files.readAllLines(directory.resolve("torch_kernel_profile.csv")))
        .hasSize(1 + profile.operators().byOperator().rows().size())
        .contains("aten::embedding,4,,");
  }
}
