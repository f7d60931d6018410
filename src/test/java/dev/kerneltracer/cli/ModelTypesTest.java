package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Real generation of every promised model type under both tracers, with the current and with the
/// oldest supported versions.
@Tag("real")
class ModelTypesTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int NEW_TOKENS = 4;

  @TempDir static Path outputs;
  private static String python = "";

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "qwen2",
        "qwen3",
        "mistral",
        "mixtral",
        "qwen3_moe",
        "gemma2",
        "gemma3_text",
        "phi3",
        "gpt2",
        "gpt_neox",
        "opt",
        "bloom",
        "falcon",
        "mamba"
      })
  void decodersGenerate(String type) throws Exception {
    trace(python, type, "--tiny");

    assertGenerated(type);
  }

  @Test
  void deepseekGeneratesWithValuesOfOnesOwn() throws Exception {
    trace(
        python,
        "deepseek_v3",
        "--set",
        "num_hidden_layers=2",
        "--set",
        "first_k_dense_replace=1",
        "--set",
        "hidden_size=64",
        "--set",
        "intermediate_size=128",
        "--set",
        "moe_intermediate_size=32",
        "--set",
        "num_attention_heads=4",
        "--set",
        "num_key_value_heads=4",
        "--set",
        "n_routed_experts=8",
        "--set",
        "num_experts_per_tok=2",
        "--set",
        "n_group=2",
        "--set",
        "topk_group=1",
        "--set",
        "kv_lora_rank=16",
        "--set",
        "q_lora_rank=32",
        "--set",
        "vocab_size=1024");

    assertGenerated("deepseek_v3");
  }

  @Test
  void encodersRunOneForwardPass() throws Exception {
    Run run = trace(python, "bert", "--tiny");

    assertThat(run.out().replaceAll("\\s+", " ")).contains("BertForMaskedLM", "one forward pass");
    JsonNode dispatch = dispatch("bert");
    assertThat(phases(dispatch).keySet()).containsExactly("forward");
    assertThat(operators("bert")).containsKey("aten::addmm");
  }

  @Test
  void theOldestSupportedVersionsTraceToo() throws Exception {
    trace(RealPython.oldEnd().executable().toString(), "gpt2", "--tiny");
    trace(RealPython.oldEnd().executable().toString(), "llama", "--tiny", "--force");

    assertGenerated("llama");
    JsonNode status =
        JSON.readTree(
            Files.readString(directory("llama", "torch_profiler").resolve("_TRACE_STATUS.json")));
    assertThat(status.get("versions").get("torch").asString()).startsWith("2.2.");
    assertThat(status.get("versions").get("transformers").asString()).startsWith("4.40.");
  }

  @Test
  void dispatchCountsAreAnAffineFunctionOfTheLayers() throws Exception {
    List<Map<String, Long>> counts = new ArrayList<>();
    for (int layers = 1; layers <= 4; layers++) {
      Path directory = outputs.resolve("layers" + layers);
      Run run =
          new Program()
              .run(
                  "trace",
                  "--model",
                  "type:llama",
                  "--tiny",
                  "--set",
                  "num_hidden_layers=" + layers,
                  "--tracers",
                  "torch_dispatch",
                  "--python",
                  python,
                  "--new-tokens",
                  "3",
                  "-o",
                  directory.toString());
      assertThat(run.exitCode()).as(run.err()).isZero();
      counts.add(
          calls(read(directory.resolve("type/llama/eval/torch_dispatch/torch_dispatch.json"))));
    }

    assertThat(counts.getFirst()).isNotEmpty();
    for (String operator : counts.getFirst().keySet()) {
      long perLayer =
          counts.get(1).getOrDefault(operator, 0L) - counts.get(0).getOrDefault(operator, 0L);
      for (int i = 0; i < counts.size(); i++) {
        assertThat(counts.get(i).get(operator))
            .as(operator + " with " + (i + 1) + " layers")
            .isEqualTo(counts.getFirst().get(operator) + i * perLayer);
      }
    }
    assertThat(
            counts.get(1).getOrDefault("aten.mm.default", 0L)
                - counts.get(0).getOrDefault("aten.mm.default", 0L))
        .as("q, k, v, o, gate, up, down in one prefill and two decode steps")
        .isEqualTo(7 * 3);
    assertThat(counts.get(3).keySet()).isEqualTo(counts.get(0).keySet());
  }

  private static Run trace(String interpreter, String type, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "trace",
                "--model",
                "type:" + type,
                "--python",
                interpreter,
                "-o",
                outputs.toString(),
                "--tracers",
                Program.QUICK,
                "--new-tokens",
                String.valueOf(NEW_TOKENS)));
    arguments.addAll(List.of(more));
    Run run = new Program().run(arguments.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    return run;
  }

  private static void assertGenerated(String type) throws IOException {
    JsonNode dispatch = dispatch(type);
    assertThat(phases(dispatch)).containsKeys("prefill", "decode");
    Map<String, Long> profiled = operators(type);
    Map<String, Long> dispatched = calls(dispatch);
    assertThat(profiled).isNotEmpty();
    // Both tracers saw equal runs: what reaches a backend, the profiler sees, too, and beside it
    // what one operator calls inside its kernel (`aten::mm` in a grouped one of experts).
    boolean grouped = dispatched.keySet().stream().anyMatch(name -> name.contains("grouped_mm"));
    Map<String, Long> byName = new TreeMap<>();
    dispatched.forEach((name, count) -> byName.merge(name.split("\\.", 3)[1], count, Long::sum));
    assertThat(byName.get("embedding")).isGreaterThanOrEqualTo(NEW_TOKENS);
    for (String name : List.of("mm", "addmm", "embedding", "native_layer_norm")) {
      long seen = profiled.getOrDefault("aten::" + name, 0L);
      long reached = byName.getOrDefault(name, 0L);
      if (grouped) {
        assertThat(seen).as(name).isGreaterThanOrEqualTo(reached);
      } else {
        assertThat(seen).as(name).isEqualTo(reached);
      }
    }
    assertThat(
            Files.readString(directory(type, "torch_profiler").resolve("torch_kernel_profile.csv")))
        .startsWith("cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count\r\n");
  }

  private static Path directory(String type, String tracer) {
    return outputs.resolve("type").resolve(type).resolve("eval").resolve(tracer);
  }

  private static JsonNode dispatch(String type) throws IOException {
    return read(directory(type, "torch_dispatch").resolve("torch_dispatch.json"));
  }

  private static Map<String, Long> operators(String type) throws IOException {
    return calls(read(directory(type, "torch_profiler").resolve("torch_profile.json")));
  }

  private static JsonNode read(Path file) throws IOException {
    return JSON.readTree(Files.readString(file));
  }

  private static Map<String, Long> calls(JsonNode operators) {
    Map<String, Long> calls = new TreeMap<>();
    operators.forEachEntry((name, rows) -> {
      for (JsonNode row : rows) {
        calls.merge(name, row.get("count").asLong(), Long::sum);
      }
    });
    return calls;
  }

  private static Map<String, Long> phases(JsonNode dispatch) {
    Map<String, Long> phases = new TreeMap<>();
    for (JsonNode rows : dispatch) {
      for (JsonNode row : rows) {
        row.get("phases")
            .forEachEntry((phase, count) -> phases.merge(phase, count.asLong(), Long::sum));
      }
    }
    return phases;
  }
}
