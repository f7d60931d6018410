package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.python.RealPython;
import dev.kerneltracer.serve.PrometheusText;
import dev.kerneltracer.serve.ServerConnection;
import dev.kerneltracer.serve.ServerSettings;
import dev.kerneltracer.serve.VllmServer;
import dev.kerneltracer.tracer.EngineSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The real vLLM on the CPU under load. A start takes half a minute: one server, without a
/// profiler, serves all tests of servers that run already, and ends in the last of them.
@Tag("real")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ProfileCommandTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Path SCRIPTS =
      Path.of(System.getProperty("kerneltracer.root", ".")).resolve("src/test/python");
  private static final int LAST = 100;

  @TempDir static Path directory;

  private static Interpreter python;
  private static Path model;
  private static VllmServer server;

  @BeforeAll
  static void start() throws Exception {
    python = RealPython.vllm();
    model = directory.resolve("bpe");
    runScript("save_bpe_model.py", model.toString());
    Path place = Files.createDirectory(directory.resolve("server"));
    server =
        VllmServer.start(
            python,
            ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path()),
            new ServerSettings(
                ModelReference.directory(model),
                List.of(),
                false,
                true,
                "float32",
                "cpu",
                false,
                0,
                new EngineSettings(null, null, null, true, List.of()),
                List.of("--no-enable-prefix-caching"),
                "127.0.0.1",
                0,
                null),
            place);
    server.awaitReady(Duration.ofMinutes(10), _ -> {});
  }

  @AfterAll
  static void end() {
    if (server != null) {
      server.close();
    }
  }

  @Test
  @Order(2)
  void clientAndServerCountTheSameTokensAndTheSameSeedSendsTheSameRequests() throws Exception {
    double promptsBefore = counter("vllm:prompt_tokens_total");
    double generatedBefore = counter("vllm:generation_tokens_total");
    Path first = directory.resolve("first");

    Run run = new Program().run(atServer(first, "--warmup", "0"));

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    assertThat(run.out()).contains("no window: a server records only where it was started with");
    JsonNode whole = assertPartsAddUp(first);
    assertThat(whole.path("completed").asInt()).isEqualTo(whole.path("sent").asInt());
    awaitCounter(
        "vllm:generation_tokens_total", generatedBefore + whole.path("output_tokens").asInt());
    awaitCounter("vllm:prompt_tokens_total", promptsBefore + whole.path("prompt_tokens").asInt());

    Path second = directory.resolve("second");
    new Program().run(atServer(second, "--warmup", "0"));

    assertThat(requests(second)).isEqualTo(requests(first)).isNotEmpty();
  }

  @Test
  @Order(3)
  void aWindowThatIsAskedForAndCannotBeHadIsAFailure() throws Exception {
    Path out = directory.resolve("asked");

    Run run = new Program().run(atServer(out, "--window", "after=1s,steps=5"));

    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
    assertThat(run.out()).contains("window 'steady' recorded nothing", "--profiler-config");
    assertPartsAddUp(out);
  }

  @Test
  @Order(4)
  void aPortThatIsTakenIsToldBeforeAnythingStarts() throws Exception {
    Run run =
        new Program()
            .run(
                command(
                    directory.resolve("taken"),
                    "--model-path",
                    model.toString(),
                    "--weights",
                    "random",
                    "--python",
                    python.executable().toString(),
                    "--port",
                    String.valueOf(server.url().getPort())));

    assertThat(run.exitCode()).as(run.out()).isEqualTo(3);
    assertThat(run.err()).contains("port " + server.url().getPort(), "env doctor --port");
  }

  @Test
  @Order(5)
  void anArgumentThatThisVllmDoesNotHaveIsToldWithTheNearest() throws Exception {
    Run run =
        new Program()
            .run(
                command(
                    directory.resolve("unknown"),
                    "--model-path",
                    model.toString(),
                    "--weights",
                    "random",
                    "--python",
                    python.executable().toString(),
                    "--",
                    "--max-num-sequences",
                    "4"));

    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(2);
    assertThat(run.err()).contains("--max-num-sequences", "has no such argument", "--max-num-seqs");
  }

  @Test
  @Order(6)
  void aFullDiskTakesRequestsButNotTheNumbers() throws Exception {
    Path point = Files.createDirectory(directory.resolve("mounted"));
    int status =
        new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", point.toString())
            .start()
            .waitFor();
    assumeThat(status).as("mounting a tmpfs needs root").isZero();
    try {
      Run run = new Program().run(atServer(point));

      assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
      assertThat(run.out()).contains("chat").contains("Failed: cannot write all of");
    } finally {
      new ProcessBuilder("umount", "-l", point.toString()).start().waitFor();
    }
  }

  @Test
  @Order(LAST)
  void aServerThatDiesLeavesHonestNumbers() throws Exception {
    Path out = directory.resolve("killed");
    Running running = new Program().start(atServer(out, "--duration", "20"));
    Path requests = out.resolve("requests.jsonl");
    running.awaitFile(requests);
    for (int i = 0; i < 1200 && Files.size(requests) == 0; i++) {
      Thread.sleep(50);
    }

    server.close();
    Run run = running.end();

    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
    assertThat(run.out()).contains("the server answers no more");
    JsonNode whole = assertPartsAddUp(out);
    assertThat(whole.path("completed").asInt()).isPositive();
    assertThat(whole.path("completed").asInt()).isLessThan(whole.path("sent").asInt());
    assertThat(whole.path("failed").path("refused").asInt()).as(whole.toString()).isPositive();
  }

  private static String[] command(Path out, String... more) {
    List<String> words = new ArrayList<>(List.of("profile", "-o", out.toString()));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  /// A few short seconds on the server of all tests.
  private static String[] atServer(Path out, String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "--url",
                server.url().toString(),
                "--vocabulary",
                "512",
                "--warmup",
                "1",
                "--rate",
                "4",
                "--duration",
                "4"));
    words.addAll(List.of(more));
    return command(out, words.toArray(String[]::new));
  }

  /// Whether the numbers of the classes add up to the whole, and to the requests that are written.
  ///
  /// @return those of the whole
  private static JsonNode assertPartsAddUp(Path out) throws IOException {
    JsonNode metrics = JSON.readTree(out.resolve("metrics.json"));
    JsonNode whole = metrics.path("whole");
    for (String key : List.of("sent", "completed", "prompt_tokens", "output_tokens")) {
      long sum = 0;
      for (JsonNode each : metrics.path("classes")) {
        sum += each.path(key).asLong();
      }
      assertThat(sum).as(key).isEqualTo(whole.path(key).asLong()).isPositive();
    }
    long ok = 0;
    long tokens = 0;
    List<String> lines = Files.readAllLines(out.resolve("requests.jsonl"));
    for (String line : lines) {
      JsonNode request = JSON.readTree(line);
      if (request.path("status").asString().equals("ok")) {
        ok++;
        tokens += request.path("output_tokens").asLong();
        assertThat(request.path("token_times_ns").size())
            .isEqualTo(request.path("output_tokens").asInt());
      }
    }
    assertThat(lines).hasSize(whole.path("sent").asInt());
    assertThat(ok).isEqualTo(whole.path("completed").asLong());
    assertThat(tokens).isEqualTo(whole.path("output_tokens").asLong());
    return whole;
  }

  /// What was sent, by the place in the plan.
  private static Map<Integer, String> requests(Path out) throws IOException {
    Map<Integer, String> sent = new TreeMap<>();
    for (String line : Files.readAllLines(out.resolve("requests.jsonl"))) {
      JsonNode request = JSON.readTree(line);
      sent.put(
          request.path("id").asInt(),
          request.path("class").asString()
              + " "
              + request.path("intended_start_ns").asLong()
              + " "
              + request.path("prompt_tokens").asInt()
              + " "
              + request.path("output_tokens").asInt());
    }
    return sent;
  }

  private static double counter(String name) throws InterruptedException {
    ServerConnection.Answer answer = server.connection().get("/metrics", Duration.ofSeconds(60));
    return PrometheusText.parse(answer.body()).stream()
        .filter(sample -> sample.name().equals(name))
        .mapToDouble(PrometheusText.Sample::value)
        .sum();
  }

  /// The server counts a token a moment after it has sent it.
  private static void awaitCounter(String name, double wanted) throws InterruptedException {
    for (int i = 0; i < 600 && counter(name) < wanted; i++) {
      Thread.sleep(100);
    }
    assertThat(counter(name)).as(name).isEqualTo(wanted);
  }

  private static void runScript(String name, String... arguments) throws Exception {
    List<String> words =
        new ArrayList<>(
            List.of(python.executable().toString(), "-B", SCRIPTS.resolve(name).toString()));
    words.addAll(List.of(arguments));
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
  }
}
