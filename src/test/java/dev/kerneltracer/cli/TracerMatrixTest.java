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
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Every tracer of Transformers over six kinds of models, generating and in training: one batch.
@Tag("real")
class TracerMatrixTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> TYPES =
      List.of("llama", "qwen3", "mixtral", "gpt2", "bert", "mamba");
  private static final List<String> MODES = List.of("eval", "train");
  private static final Pattern MATRIX_MULTIPLICATIONS =
      Pattern.compile("torch\\.ops\\.aten\\.(add)?mm\\.default\\(");

  @TempDir static Path directory;

  private static String python = "";
  private static Run batch = new Run(-1, "", "");

  @BeforeAll
  static void runAll() throws Exception {
    python = RealPython.transformers().executable().toString();
    Path list = directory.resolve("models.txt");
    Files.writeString(list, "type:" + String.join("\ntype:", TYPES) + "\n");
    batch =
        new Program()
            .run(
                "trace",
                "--model-list",
                list.toString(),
                "--tiny",
                "--mode",
                "eval,train",
                "--new-tokens",
                "2",
                "--jobs",
                "2",
                "--python",
                python,
                "-o",
                outputs().toString());
  }

  private static Path outputs() {
    return directory.resolve("outputs");
  }

  private static Path job(String type, String mode, String tracer) {
    return outputs().resolve("type").resolve(type).resolve(mode).resolve(tracer);
  }

  private static JsonNode json(Path file) throws IOException {
    return JSON.readTree(Files.readString(file));
  }

  @Test
  void everyTracerSucceedsOverEveryModelInBothModes() {
    List<Path> missing = new ArrayList<>();
    for (String type : TYPES) {
      for (String mode : MODES) {
        for (String tracer :
            List.of(
                "torch_profiler",
                "torch_dispatch",
                "module_path",
                "torch_inductor",
                "print_aten_ops",
                "print_fx")) {
          Path status = job(type, mode, tracer).resolve("_TRACE_STATUS.json");
          if (!Files.exists(status)) {
            missing.add(status);
          }
        }
      }
    }

    assertThat(missing).as(batch.out() + batch.err()).isEmpty();
    assertThat(batch.exitCode()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3", "mixtral", "gpt2", "bert", "mamba"})
  void graphsOfDynamoHoldTheModelsOperations(String type) throws IOException {
    for (String mode : MODES) {
      JsonNode root = json(job(type, mode, "print_fx").resolve("print_fx.json"));
      Set<String> phases = new TreeSet<>();
      int calls = 0;
      Set<String> names = new TreeSet<>();
      for (JsonNode graph : graphs(root)) {
        graph.path("nodes").forEach(node -> names.add(node.path("name").asString()));
        phases.add(graph.path("phase").asString("").replaceAll(" .*", ""));
        for (JsonNode node : graph.path("nodes")) {
          calls += node.path("op").asString("").startsWith("call_") ? 1 : 0;
          assertThat(node.propertyNames())
              .contains("name", "op", "target", "args", "kwargs", "users");
          node.path("users").forEach(user -> assertThat(names).contains(user.asString()));
        }
      }

      assertThat(calls).as(type + " " + mode).isGreaterThan(20);
      boolean generates = mode.equals("eval") && !type.equals("bert");
      assertThat(phases).isEqualTo(generates ? Set.of("decode", "prefill") : Set.of("forward"));
    }
  }

  private static List<JsonNode> graphs(JsonNode root) {
    List<JsonNode> graphs = new ArrayList<>();
    if (root.path("type").asString("").equals("fx_graph")) {
      graphs.add(root);
    } else {
      root.path("graphs").forEach(graphs::add);
    }
    return graphs;
  }

  /// What the graphs hold is what the dispatcher saw in a run of its own.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3", "mixtral", "gpt2", "bert", "mamba"})
  void graphsOfAtenHoldTheMatrixMultiplicationsThatWereDispatched(String type) throws IOException {
    for (String mode : MODES) {
      String text = Files.readString(job(type, mode, "print_aten_ops").resolve("print_aten.txt"));
      JsonNode counts = json(job(type, mode, "torch_dispatch").resolve("torch_dispatch.json"));
      Map<String, Long> inGraphs = new TreeMap<>();
      for (String graph : text.split("===== Graph \\d+ =====\\s+# ", -1)) {
        // "inference, prefill", "backward, backward", …; before the first there is nothing.
        String phase = graph.lines().findFirst().orElse("").replaceAll("^\\w+, (\\w+).*", "$1");
        inGraphs.merge(phase, occurrences(graph), Long::sum);
      }
      inGraphs.values().removeIf(count -> count == 0);

      if (type.equals("mixtral") && mode.equals("train")) {
        // Transformers' grouped products on a CPU have no backward pass that AOTAutograd can trace:
        // Dynamo leaves them, and what is around them, to Python, and the file says so.
        assertThat(text).contains("===== Graph breaks =====", "Backend compiler exception");
        assertThat(inGraphs.keySet()).isEqualTo(Set.of("forward", "backward"));
      } else {
        assertThat(inGraphs).as(type + " " + mode).isEqualTo(dispatched(counts));
      }
    }
  }

  private static long occurrences(String graph) {
    return MATRIX_MULTIPLICATIONS.matcher(graph).results().count();
  }

  private static Map<String, Long> dispatched(JsonNode counts) {
    Map<String, Long> byPhase = new TreeMap<>();
    for (String operator : List.of("aten.mm.default", "aten.addmm.default")) {
      for (JsonNode inputs : counts.path(operator)) {
        inputs
            .path("phases")
            .forEachEntry((phase, count) -> byPhase.merge(phase, count.asLong(), Long::sum));
      }
    }
    return byPhase;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3", "mixtral", "gpt2", "bert", "mamba"})
  void inductorsKernelsComeWithTheirSource(String type) throws IOException {
    for (String mode : MODES) {
      Path job = job(type, mode, "torch_inductor");
      JsonNode kernels = json(job.resolve("torch_inductor_kernels.json"));
      List<String> files = Files.readAllLines(job.resolve("torch_inductor.txt"));

      assertThat(kernels.size()).as(type + " " + mode).isPositive();
      Set<String> graphs = new TreeSet<>();
      for (JsonNode kernel : kernels) {
        String name = kernel.path("kernel_name").asString();
        String graph = kernel.path("graph").asString();
        graphs.add(graph.replaceAll("graph_\\d+_", ""));
        assertThat(name).startsWith("cpp_fused_");
        assertThat(kernel.path("source").asString()).contains("extern \"C\"", "kernel(");
        assertThat(kernel.path("launch_config").path("num_threads").asInt()).isPositive();
        assertThat(kernel.path("launch_config").path("arguments").size()).isPositive();
        assertThat(Files.readString(job.resolve("inductor_dump/" + graph + "/output_code.py")))
            .contains(name + " = async_compile");
      }
      assertThat(graphs)
          .isEqualTo(mode.equals("eval") ? Set.of("inference") : trainingGraphs(type));
      try (Stream<Path> all = Files.walk(job.resolve("inductor_dump"))) {
        assertThat(files)
            .containsExactlyElementsOf(
                all.filter(Files::isRegularFile)
                    .map(file -> job.relativize(file).toString())
                    .sorted()
                    .toList());
      }
      assertThat(job.resolve("inductor_cache.partial")).doesNotExist();
    }
  }

  /// Pieces of mixtral without gradients lie between its breaks.
  private static Set<String> trainingGraphs(String type) {
    return type.equals("mixtral")
        ? Set.of("backward", "forward", "inference")
        : Set.of("backward", "forward");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3", "mixtral", "gpt2", "bert", "mamba"})
  void aStepOfTrainingHasLossBackwardAndOptimizer(String type) throws IOException {
    JsonNode dispatched = json(job(type, "train", "torch_dispatch").resolve("torch_dispatch.json"));
    Set<String> phases = new TreeSet<>();
    boolean backward = false;
    for (String operator : dispatched.propertyNames()) {
      backward |= operator.startsWith("aten.nll_loss") && operator.contains("backward");
      for (JsonNode inputs : dispatched.get(operator)) {
        phases.addAll(inputs.path("phases").propertyNames());
      }
    }
    JsonNode profiled = json(job(type, "train", "torch_profiler").resolve("torch_profile.json"));

    assertThat(backward).isTrue();
    assertThat(phases).contains("forward", "backward", "optimizer");
    assertThat(profiled.propertyNames())
        .contains("aten::cross_entropy_loss")
        .anyMatch(name -> name.contains("evaluate_function"));
  }
}
