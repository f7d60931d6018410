package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Models in the real vLLM on the CPU, one environment for all. Each start takes half a minute, so
/// each test says much.
@Tag("real")
class VllmTraceTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Path SCRIPTS =
      Path.of(System.getProperty("kerneltracer.root", ".")).resolve("src/test/python");

  private static String python = "";

  @TempDir Path directory;
  private Set<String> leftBefore = Set.of();

  @BeforeAll
  static void environment() {
    python = RealPython.vllm().executable().toString();
  }

  @BeforeEach
  void whatLiesAround() throws IOException {
    leftBefore = leftovers();
  }

  @Test
  void bothTracersTellPrefillFromDecodeInEachOfTwoWorkers() throws Exception {
    Running running =
        new Program()
            .start(
                command(
                    "--model",
                    "type:qwen3_moe",
                    "--tiny",
                    "--batch",
                    "2",
                    "-tp",
                    "2",
                    "--warmup",
                    "0",
                    "--engine-arg",
                    "max-num-seqs=8"));
    Run run = running.end();

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    assertThat(run.out())
        .contains("Qwen3MoeForCausalLM", "vllm_profiler  success", "module_path    success")
        .contains("vllm::unified_attention_with_output", "prefill", "decode", "self_attn");
    for (String tracer : List.of("vllm_profiler", "module_path")) {
      Path results = directory.resolve("type/qwen3_moe/eval").resolve(tracer);
      check(results, "--ranks", "2");
      assertThat(results.resolve("ranks/1")).isNotEmptyDirectory();
      assertThat(
              JSON.readTree(results.resolve("_TRACE_STATUS.json")).at("/versions/vllm").asString())
          .startsWith("0.");
    }
    assertThat(directory.resolve("type/qwen3_moe/eval/vllm_profiler/vllm_kernel_profile.csv"))
        .content()
        .startsWith("cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count");
    assertNothingLeft(running);
  }

  @Test
  void aModelWithItsWeightsAndTokenizerAnswersAPrompt() throws Exception {
    Path model = directory.resolve("fox");
    runScript("save_tiny_model.py", model.toString());

    Run run =
        new Program()
            .run(
                command(
                    "--model-path",
                    model.toString(),
                    "--tracers",
                    "vllm_profiler",
                    "--enforce-eager",
                    "--prompt",
                    "the quick brown fox"));

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    Path results = directory.resolve("local/fox/eval/vllm_profiler");
    assertThat(Files.readString(results.resolve("job.log")))
        .contains("\"load_format\": \"auto\"", "\"skip_tokenizer_init\": false");
    assertThat(Files.readString(results.resolve("vllm_profile.json"))).contains("\"count\"");

    Path shard;
    try (Stream<Path> files = Files.list(model)) {
      shard = files.filter(file -> file.toString().contains("-00002-of-")).findFirst().get();
    }
    Files.delete(shard);
    new Program().run(command("--model-path", model.toString(), "--tracers", "vllm_profiler"));
    assertThat(failure(results).path("outcome").asString()).isEqualTo("incomplete_model");
  }

  @Test
  void anEngineThatDiesWhenTheProfilerStopsIsToldAndItsTraceKept() throws Exception {
    Running running =
        planted("die")
            .with("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
            .start(
                command(
                    "--model",
                    "type:qwen3",
                    "--tiny",
                    "--enforce-eager",
                    "--tracers",
                    "vllm_profiler"));
    Run run = running.end();

    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
    Path results = directory.resolve("type/qwen3/eval/vllm_profiler");
    assertThat(failure(results).path("outcome").asString()).isEqualTo("crashed");
    assertThat(failure(results).path("reason").asString()).contains("vLLM's engine died");
    try (Stream<Path> traces = Files.list(results.resolve("trace"))) {
      assertThat(traces.toList()).anyMatch(file -> file.toString().endsWith(".pt.trace.json.gz"));
    }
    assertNothingLeft(running);
  }

  @Test
  void aProfilerThatNeverStopsEndsAtTheTimeout() throws Exception {
    Running running =
        planted("hang")
            .start(
                command(
                    "--model",
                    "type:qwen3",
                    "--tiny",
                    "--enforce-eager",
                    "--tracers",
                    "vllm_profiler",
                    "--warmup",
                    "0",
                    "--timeout",
                    "90"));
    Run run = running.end();

    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
    Path results = directory.resolve("type/qwen3/eval/vllm_profiler");
    assertThat(failure(results).path("outcome").asString()).isEqualTo("timeout");
    assertThat(failure(results).path("reason").asString()).contains("phase writing");
    assertNothingLeft(running);
  }

  @Test
  void anArgumentThatThisVllmDoesNotHaveIsAUsageErrorWithTheNearest() throws Exception {
    Run run =
        new Program()
            .run(command("--model", "type:qwen3", "--tiny", "--engine-arg", "max-num-sequences=4"));

    assertThat(run.exitCode()).as(run.out()).isEqualTo(2);
    assertThat(run.err()).contains("has no engine argument 'max_num_sequences'", "max_num_seqs");
  }

  @Test
  void anArchitectureThatThisVllmDoesNotKnowIsUnsupported() throws Exception {
    Path model = Files.createDirectory(directory.resolve("unknown"));
    Files.writeString(
        model.resolve("config.json"),
        "{\"model_type\": \"qwen3\", \"architectures\": [\"Qwen3ForCausalLN\"]}");

    Run run =
        new Program()
            .run(
                command(
                    "--model-path",
                    model.toString(),
                    "--weights",
                    "random",
                    "--tracers",
                    "vllm_profiler"));

    assertThat(run.exitCode()).isEqualTo(1);
    JsonNode failure = failure(directory.resolve("local/unknown/eval/vllm_profiler"));
    assertThat(failure.path("outcome").asString()).isEqualTo("unsupported_model");
    assertThat(failure.path("reason").asString())
        .contains("does not know the architecture Qwen3ForCausalLN", "Qwen3ForCausalLM");
  }

  private String[] command(String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "trace", "--framework", "vllm", "--python", python, "-o", directory.toString()));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  /// With the plugin of vLLM's that plants a fault.
  private Program planted(String fault) throws IOException {
    Path plugin = Files.createDirectories(directory.resolve("plugin"));
    Path information = Files.createDirectories(plugin.resolve("vllm_faults-1.0.dist-info"));
    Files.copy(SCRIPTS.resolve("vllm_faults.py"), plugin.resolve("vllm_faults.py"));
    Files.writeString(
        information.resolve("METADATA"),
        "Metadata-Version: 2.1\nName: vllm-faults\nVersion: 1.0\n");
    Files.writeString(
        information.resolve("entry_points.txt"),
        "[vllm.general_plugins]\nfaults = vllm_faults:register\n");
    return new Program().with("PYTHONPATH", plugin.toString()).with("PLANTED_FAULT", fault);
  }

  private static JsonNode failure(Path results) throws IOException {
    return JSON.readTree(Files.readString(results.resolve("_TRACE_FAILURE.json")));
  }

  private static void check(Path results, String... more) throws Exception {
    List<String> words = new ArrayList<>(List.of(results.toString()));
    words.addAll(List.of(more));
    runScript("check_vllm_results.py", words.toArray(String[]::new));
  }

  private static void runScript(String name, String... arguments) throws Exception {
    List<String> words = new ArrayList<>(List.of(python, "-B", SCRIPTS.resolve(name).toString()));
    words.addAll(List.of(arguments));
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
  }

  private void assertNothingLeft(Running running) throws Exception {
    assertThat(running.left()).isEmpty();
    assertThat(leftovers()).isSubsetOf(leftBefore);
  }

  /// Shared memory and the directories of sockets.
  private static Set<String> leftovers() throws IOException {
    Set<String> found = new TreeSet<>();
    for (Path place : List.of(Path.of("/dev/shm"), Path.of("/tmp"))) {
      try (Stream<Path> files = Files.list(place)) {
        files
            .map(Path::toString)
            .filter(name -> name.matches("/dev/shm/(vllm_|psm_).*|/tmp/kerneltracer-.*"))
            .forEach(found::add);
      }
    }
    return found;
  }
}
