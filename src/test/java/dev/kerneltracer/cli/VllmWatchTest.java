package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.python.Processes;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// `watch` on the real vLLM with its CPU build: a server whose KV cache is much too small, and an
/// offline engine with experts that joins while the server runs.
@Tag("real")
class VllmWatchTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Path ROOT = Path.of(System.getProperty("kerneltracer.root", "."));
  private static final Path SCRIPTS = ROOT.resolve("src/test/python");

  private static String python = "";

  @TempDir Path directory;

  @BeforeAll
  static void environment() {
    python = RealPython.vllm().executable().toString();
  }

  @Test
  void whatIsRecordedIsWhatVllmItselfCounts() throws Exception {
    Path model = model("qwen3", "Qwen3ForCausalLM", "");
    Path counts = Files.createDirectory(directory.resolve("counts"));
    int port = freePort();
    Running server =
        watching()
            .with("COUNTS_BY_HAND", counts.toString())
            .start(
                words(
                    List.of("--probe-path", ownHooks().toString()),
                    List.of(
                        "-m",
                        "vllm.entrypoints.openai.api_server",
                        "--model",
                        model.toString(),
                        "--load-format",
                        "dummy",
                        "--skip-tokenizer-init",
                        "--dtype",
                        "float32",
                        "--enforce-eager",
                        "--host",
                        "127.0.0.1",
                        "--port",
                        String.valueOf(port),
                        "--max-model-len",
                        "256",
                        "--max-num-seqs",
                        "8",
                        "--block-size",
                        "32",
                        "--num-gpu-blocks-override",
                        "20",
                        "--cudagraph-metrics",
                        "--kv-cache-metrics")));
    try {
      Path session = session();
      String driven =
          python(
              "drive_watched_vllm.py",
              String.valueOf(port),
              session.toString(),
              counts.toString(),
              model.toString());
      assertThat(driven).contains("scrapes", "evictions");
      assertThat(server.errSoFar()).containsPattern("process \\d+ \\(engine\\): \\d+ hooks on");
      assertThat(server.errSoFar()).containsPattern("process \\d+ \\(worker\\): \\d+ hooks on");
      assertThat(server.errSoFar()).contains("missing: none");

      String cost =
          run(
              List.of(
                  "python3",
                  ROOT.resolve("scripts/check-gpu-watch").toString(),
                  "overhead",
                  "--port",
                  String.valueOf(port),
                  "--session",
                  session.toString(),
                  "--model",
                  model.toString(),
                  "--pairs",
                  "2",
                  "--seconds",
                  "0.5",
                  "--requests",
                  "2",
                  "--tokens",
                  "100"));
      assertThat(cost).contains("pair 2: off", "too few for an interval");

      Run offline = offlineExperts(session);
      assertThat(offline.exitCode()).as(offline.out() + offline.err()).isZero();
      assertThat(offline.out()).contains("counts of experts", "unharmed without its session");

      killAll(server);
      assertThat(server.end().exitCode()).isEqualTo(128 + 9);
      assertReadable(session);
    } finally {
      killAll(server);
      server.process().destroyForcibly();
    }
  }

  /// The CPU build has no graphs: vLLM's own dispatcher, wrappers and graph manager, with what
  /// needs a device replaced.
  @Test
  void capturesAndReplaysOfBothModelRunnersAreToldOnceForEachForward() throws Exception {
    assertThat(python("check_watch_graphs.py", directory.toString()))
        .contains("captures, replays and eager forwards are as vLLM made them");
  }

  /// Told to write where the server does, it gets a session beside it.
  private Run offlineExperts(Path taken) throws Exception {
    Path model =
        model(
            "qwen3_moe",
            "Qwen3MoeForCausalLM",
            "\"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 32,"
                + " \"decoder_sparse_step\": 1, \"norm_topk_prob\": true, \"mlp_only_layers\": [],");
    return watching()
        .with("KERNELTRACER_TEST_SESSION", taken.toString())
        .run(
            "watch",
            "-o",
            directory.resolve("sessions").toString(),
            "--interval",
            "1",
            "--",
            "sh",
            "-c",
            "KERNELTRACER_WATCH_SESSION=$KERNELTRACER_TEST_SESSION exec \"$@\"",
            "sh",
            python,
            "-B",
            SCRIPTS.resolve("watch_offline_moe.py").toString(),
            model.toString());
  }

  private static Program watching() {
    return new Program()
        .with("HF_HUB_OFFLINE", "1")
        .with("VLLM_NO_USAGE_STATS", "1")
        .with("VLLM_CPU_KVCACHE_SPACE", "1")
        .with("VLLM_PLUGINS", "none-of-these");
  }

  private String[] words(List<String> options, List<String> arguments) {
    List<String> words =
        new ArrayList<>(List.of("watch", "-o", directory.resolve("sessions").toString()));
    words.addAll(options);
    words.addAll(List.of("--", python));
    words.addAll(arguments);
    return words.toArray(String[]::new);
  }

  /// The documented example, and counts taken within vLLM's own classes.
  private Path ownHooks() throws IOException {
    Path hooks = directory.resolve("hooks");
    Files.createDirectories(hooks);
    Matcher example =
        Pattern.compile("```python\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(ROOT.resolve("docs/watch.md")));
    assertThat(example.find()).isTrue();
    Files.writeString(hooks.resolve("documented.py"), example.group(1));
    Files.copy(
        SCRIPTS.resolve("counted_by_hand.py"),
        hooks.resolve("counted_by_hand.py"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    return hooks;
  }

  private Path model(String type, String architecture, String more) throws IOException {
    Path model = Files.createDirectories(directory.resolve("models").resolve(type));
    Files.writeString(
        model.resolve("config.json"),
        "{\"architectures\": [\"%s\"], \"model_type\": \"%s\", %s \"hidden_size\": 64,"
                .formatted(architecture, type, more)
            + " \"intermediate_size\": 128, \"num_hidden_layers\": 2, \"num_attention_heads\": 2,"
            + " \"num_key_value_heads\": 2, \"head_dim\": 32, \"vocab_size\": 512,"
            + " \"max_position_embeddings\": 512, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
            + " \"tie_word_embeddings\": false, \"torch_dtype\": \"float32\", \"hidden_act\": \"silu\"}");
    return model;
  }

  private Path session() throws Exception {
    Path sessions = directory.resolve("sessions");
    for (int i = 0; i < 1200; i++) {
      if (Files.isDirectory(sessions)) {
        try (Stream<Path> found = Files.list(sessions)) {
          Path session = found.findFirst().orElse(null);
          if (session != null) {
            return session;
          }
        }
      }
      Thread.sleep(50);
    }
    throw new AssertionError("no session");
  }

  /// Every line but the last, which may have been cut.
  private static void assertReadable(Path session) throws IOException {
    List<Path> files;
    try (Stream<Path> found = Files.list(session.resolve("events"))) {
      files = found.toList();
    }
    assertThat(files).hasSize(3);
    for (Path file : files) {
      List<String> lines = Files.readString(file).lines().toList();
      for (String line : lines.subList(0, lines.size() - 1)) {
        try {
          assertThat(JSON.readTree(line).path("event").asString()).isNotEmpty();
        } catch (JacksonException e) {
          throw new AssertionError(file + " has a line that is no JSON: " + line, e);
        }
      }
    }
  }

  /// The whole tree at once: vLLM's engine and workers outlive a front end that is killed, and
  /// write their title over the environment that bears our mark.
  private static void killAll(Running running) throws InterruptedException {
    List<ProcessHandle> tree = running.process().descendants().toList();
    tree.forEach(ProcessHandle::destroyForcibly);
    for (ProcessHandle process : tree) {
      Processes.assertGone(process.pid());
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static String python(String script, String... arguments) throws Exception {
    List<String> words = new ArrayList<>(List.of(python, "-B", SCRIPTS.resolve(script).toString()));
    words.addAll(List.of(arguments));
    return run(words);
  }

  private static String run(List<String> words) throws Exception {
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text;
  }
}
