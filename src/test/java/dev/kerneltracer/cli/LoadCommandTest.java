package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `load` against a server that answers at once, over real sockets.
class LoadCommandTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path directory;

  private final Queue<String> bodies = new ConcurrentLinkedQueue<>();
  private final CountDownLatch end = new CountDownLatch(1);
  private final CountDownLatch asked = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private HttpServer server = unstarted();
  private volatile int status = 200;
  private volatile boolean hangs;

  private static HttpServer unstarted() {
    try {
      return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @BeforeEach
  void serve() {
    server.setExecutor(threads);
    server.createContext(
        "/v1/models",
        exchange ->
            send(exchange, 200, "{\"data\": [{\"id\": \"tiny\", \"max_model_len\": 512}]}"));
    server.createContext("/version", exchange -> send(exchange, 200, "{\"version\": \"0.29.0\"}"));
    server.createContext("/v1/completions", this::complete);
    server.start();
  }

  @AfterEach
  void stop() {
    end.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }

  private void complete(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    bodies.add(body);
    if (status != 200) {
      send(exchange, status, "{\"error\": {\"message\": \"no room\"}}");
      return;
    }
    JsonNode request = JSON.readTree(body);
    int tokens = request.path("max_tokens").asInt();
    exchange.getResponseHeaders().add("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      for (int i = 0; i < tokens; i++) {
        event(out, "{\"choices\": [{\"index\": 0, \"text\": \"a\", \"token_ids\": [7]}]}");
        if (hangs) {
          asked.countDown();
          end.await();
        }
      }
      event(out, "{\"choices\": [{\"index\": 0, \"text\": \"\", \"finish_reason\": \"length\"}]}");
      event(
          out,
          "{\"choices\": [], \"usage\": {\"prompt_tokens\": "
              + request.path("prompt").size()
              + ", \"completion_tokens\": "
              + tokens
              + "}}");
      event(out, "[DONE]");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void event(OutputStream out, String data) throws IOException {
    out.write(("data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  @Test
  void everythingThatWasSentIsCountedOnceWholeAndByClass() throws Exception {
    Path out = directory.resolve("out");

    Run run = load("--rate", "100", "--requests", "60", "-o", out.toString());

    // A busy machine may make the client late, which is said, and is no failure.
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("60 requests in", "100.0 % completed", "chat", "rag", "all");
    assertThat(run.out().lines().count()).isLessThanOrEqualTo(24);
    JsonNode metrics = JSON.readTree(Files.readString(out.resolve("metrics.json")));
    assertThat(metrics.path("model").asString()).isEqualTo("tiny");
    JsonNode whole = metrics.path("whole");
    assertThat(whole.path("sent").asInt()).isEqualTo(60);
    assertThat(whole.path("completed").asInt()).isEqualTo(60);
    for (String key : List.of("sent", "completed", "prompt_tokens", "output_tokens")) {
      assertThat(
              metrics.path("classes").values().stream().mapToLong(c -> c.path(key).asLong()).sum())
          .as(key)
          .isEqualTo(whole.path(key).asLong());
    }
    // What the server was asked, what it counted and what the file says are the same.
    List<JsonNode> lines =
        Files.readAllLines(out.resolve("requests.jsonl")).stream().map(JSON::readTree).toList();
    assertThat(lines).hasSize(60).allMatch(l -> l.path("status").asString().equals("ok"));
    List<JsonNode> measured = bodies.stream().map(JSON::readTree).skip(5).toList();
    assertThat(measured.stream().mapToLong(b -> b.path("max_tokens").asLong()).sum())
        .isEqualTo(whole.path("output_tokens").asLong())
        .isEqualTo(lines.stream().mapToLong(l -> l.path("token_times_ns").size()).sum());
    assertThat(measured.stream().mapToLong(b -> b.path("prompt").size()).sum())
        .isEqualTo(whole.path("prompt_tokens").asLong());
    assertThat(measured)
        .allMatch(b -> b.path("ignore_eos").asBoolean() && b.path("temperature").asInt(1) == 0)
        .allMatch(b -> b.path("prompt").size() + b.path("max_tokens").asInt() <= 462);
  }

  @Test
  void theSameSeedSendsTheSameRequests() {
    load("--rate", "1000", "--requests", "40");
    List<String> first = bodies.stream().sorted().toList();
    bodies.clear();
    load("--rate", "1000", "--requests", "40");
    List<String> second = bodies.stream().sorted().toList();
    bodies.clear();
    load("--rate", "1000", "--requests", "40", "--seed", "43");

    assertThat(first).hasSize(45).isEqualTo(second);
    assertThat(bodies.stream().sorted().toList()).isNotEqualTo(first);
  }

  @Test
  void aClosedLoopSendsOneAfterTheOther() {
    Run run = load("--concurrency", "2", "--requests", "20", "--format", "json", "--warmup", "0");

    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode metrics = JSON.readTree(run.out());
    assertThat(metrics.path("pace").asString()).isEqualTo("closed");
    assertThat(metrics.path("whole").path("completed").asInt()).isEqualTo(20);
  }

  @Test
  void requestsThatAreRefusedAreNoSuccess() {
    status = 429;

    Run run = load("--rate", "100", "--requests", "10", "--warmup", "0", "--format", "json");

    assertThat(run.exitCode()).isEqualTo(1);
    JsonNode whole = JSON.readTree(run.out()).path("whole");
    assertThat(whole.path("sent").asInt()).isEqualTo(10);
    assertThat(whole.path("completed").asInt()).isZero();
    assertThat(whole.path("failed").path("rejected").asInt()).isEqualTo(10);
    assertThat(whole.path("ttft_ms").path("from_intended_start").path("p99").isNull()).isTrue();
  }

  @Test
  void aServerThatServesNothingIsToldBeforeTheLoad() {
    status = 500;

    Run run = load("--rate", "100", "--requests", "10");

    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains("did not serve one of 5");
    assertThat(bodies).hasSize(5);
  }

  @Test
  void aGoalThatNoRateMeetsEndsClearly() throws Exception {
    Path out = directory.resolve("out");
    status = 429;

    Run run =
        load(
            "--rate",
            "64",
            "--duration",
            "0.5",
            "--warmup",
            "0",
            "--goal",
            "ttft_p99<1s",
            "-o",
            out.toString());

    assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
    assertThat(run.out()).contains("No rate meets the goal: not even the lowest");
    JsonNode search = JSON.readTree(Files.readString(out.resolve("goal_search.json")));
    assertThat(search.path("best_rate").isNull()).isTrue();
    assertThat(search.path("trials").get(0).path("rate").asDouble()).isEqualTo(64);
    assertThat(search.path("trials").size()).isEqualTo(3);
    assertThat(out.resolve("trials/1/metrics.json")).exists();
  }

  @Test
  void anInterruptedRunTellsWhatItHas() throws Exception {
    hangs = true;
    Path out = directory.resolve("out");
    FutureTask<Run> task =
        new FutureTask<>(() -> load("--rate", "50", "--warmup", "0", "-o", out.toString()));
    Thread thread = Thread.ofPlatform().start(task);
    assertThat(asked.await(60, TimeUnit.SECONDS)).isTrue();

    thread.interrupt();
    Run run = task.get(60, TimeUnit.SECONDS);

    assertThat(run.exitCode()).as(run.err()).isEqualTo(130);
    assertThat(run.out()).contains("Interrupted after", "planned requests sent");
    JsonNode metrics = JSON.readTree(Files.readString(out.resolve("metrics.json")));
    assertThat(metrics.path("interrupted").asBoolean()).isTrue();
    JsonNode whole = metrics.path("whole");
    assertThat(whole.path("sent").asInt()).isPositive();
    assertThat(whole.path("completed").asInt()).isZero();
    assertThat(Files.readAllLines(out.resolve("requests.jsonl")))
        .hasSize(whole.path("sent").asInt());
  }

  @Test
  void aPlanCanBeSeenWithoutAServer() throws Exception {
    Path one = directory.resolve("one.jsonl");
    Path two = directory.resolve("two.jsonl");
    server.stop(0);

    Run run = load("--rate", "5", "--dry-run", "--save-plan", one.toString());
    load("--rate", "5", "--dry-run", "--save-plan", two.toString());

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("by a schedule, seed 42", "prompt tokens", "chat");
    assertThat(Files.mismatch(one, two)).isEqualTo(-1);
    assertThat(JSON.readTree(Files.readAllLines(one).getFirst()).path("id").asInt()).isEqualTo(-5);
  }

  @Test
  void noServerIsSaidInALine() {
    server.stop(0);

    Run run = load("--rate", "5");

    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains("no answer from http://127.0.0.1");
  }

  @Test
  void theMixOfAFileIsSent() throws Exception {
    // The example of docs/load.md.
    String docs =
        Files.readString(Path.of(System.getProperty("kerneltracer.root", "."), "docs", "load.md"));
    String example = docs.substring(docs.indexOf("```yaml\n") + 8);
    Path file =
        Files.writeString(
            directory.resolve("mix.yaml"), example.substring(0, example.indexOf("```")));
    Path plan = directory.resolve("plan.jsonl");

    Run run = load("--load", file.toString(), "--dry-run", "--save-plan", plan.toString());

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("chat", "agent", "batch");
    for (String line : Files.readAllLines(plan)) {
      JsonNode request = JSON.readTree(line);
      if (request.path("class").asString().equals("batch")) {
        assertThat(request.path("prompt_tokens").asInt()).isEqualTo(512);
        assertThat(request.path("output_tokens").asInt()).isBetween(16, 64);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "classes: {a: {input: 5}}|classes.a.output' must have keys",
        "classes: {a: {input: 0, output: 5}}|classes.a.input.tokens is a whole number from 1",
        "classes: {a: {input: {distribution: beta}, output: 5}}|one of fixed, uniform",
        "classes: {a: {input: 5, output: 5, wieght: 1}}|classes.a.wieght' is unknown",
        "classes: {a: {input: {distribution: uniform, min: 9, max: 3}, output: 5}}|min is above",
        "classes: {a: {input: 5, output: 5, prefix: {groups: 2}}}|needs 'tokens'",
        "classes: {a.b: {input: 5, output: 5}}|must not be empty or have one of",
        "classes: {a: {input: 5, output: 5, weight: 0}}|a class with a weight above 0",
        "clases: {}|clases' is unknown",
        "classes: {}|classes' must have keys",
        "[1, 2]|holds no keys"
      })
  void aMixFileThatIsWrongSaysWhere(String content, String message) throws Exception {
    Path file = Files.writeString(directory.resolve("mix.yaml"), content);

    Run run = load("--load", file.toString(), "--dry-run");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("mix.yaml", message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--rate 0|--rate is above 0",
        "--rate NaN|--rate is above 0",
        "--duration -1|--duration is above 0",
        "--concurrency 0|--concurrency is from 1",
        "--burstiness 2|--burstiness needs --arrivals gamma",
        "--ramp-to 5 --concurrency 3|exclude each other",
        "--mix chats=1|the mix has no class 'chats'",
        "--replay x.jsonl --mix chat=1|--replay takes the place of",
        "--endpoint chat --prompts ids|takes no token ids",
        "--goal ttft<5|is no goal",
        "--max-rate 3|--max-rate is at least --rate",
        "--tokenizer type:qwen3 --dry-run|has no tokenizer"
      })
  void whatMakesNoSenseIsRefusedBeforeAnythingIsSent(String words, String message) {
    Run run = load(words.split(" ", -1));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
    assertThat(bodies).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"ftp://x", "http://", "http://user:key@x", "'http://x y'"})
  void whatIsNoServersUrlIsRefused(String url) {
    Run run = run(List.of("load", "--url", url));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("is no URL of a server");
  }

  private record Run(int exitCode, String out, String err) {}

  private Run load(String... arguments) {
    List<String> words = new ArrayList<>(List.of("load", "--url"));
    words.add("http://127.0.0.1:" + server.getAddress().getPort() + "/v1");
    words.addAll(List.of(arguments));
    return run(words);
  }

  private static Run run(List<String> words) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(told, true, StandardCharsets.UTF_8));
      int exitCode = Main.run(words.toArray(String[]::new));
      return new Run(
          exitCode,
          printed.toString(StandardCharsets.UTF_8),
          told.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }
}
