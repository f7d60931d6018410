package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kerneltracer.load.LoadPlan.Sampling;
import dev.kerneltracer.load.RequestResult.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LoadRecorderTest {
  private static final long SECOND_NS = 1_000_000_000L;

  private static final LoadRun RUN =
      new LoadRun(
          Instant.EPOCH, 0, SECOND_NS, List.of(), 0, false, new LoadRun.Lateness(0, 0, 0, 0, 0));

  @TempDir Path directory;

  @Test
  void latenciesCountFromTheIntendedAndFromTheActualStart() {
    RequestResult late =
        new RequestResult(
            0,
            "chat",
            1 * SECOND_NS,
            3 * SECOND_NS,
            4 * SECOND_NS,
            List.of(4 * SECOND_NS, 5 * SECOND_NS, 7 * SECOND_NS),
            7 * SECOND_NS,
            10,
            3,
            Status.OK,
            null);

    ClassMetrics metrics = recorded(Goal.NONE, late).whole();

    assertThat(metrics.ttft().maxNs()).isEqualTo(3 * SECOND_NS);
    assertThat(metrics.ttftFromSend().maxNs()).isEqualTo(SECOND_NS);
    assertThat(metrics.endToEnd().maxNs()).isEqualTo(6 * SECOND_NS);
    assertThat(metrics.endToEndFromSend().maxNs()).isEqualTo(4 * SECOND_NS);
    assertThat(metrics.tpot().maxNs()).isEqualTo(3 * SECOND_NS / 2);
    assertThat(metrics.itl().count()).isEqualTo(2);
    assertThat(metrics.itl().p50Ns()).isEqualTo(SECOND_NS);
    assertThat(metrics.itl().maxNs()).isEqualTo(2 * SECOND_NS);
    assertThat(metrics.requestsPerS()).isCloseTo(1 / 7.0, within(1e-9));
    assertThat(metrics.tokensPerS()).isCloseTo(3 / 7.0, within(1e-9));
    assertThat(metrics.totalTokensPerS()).isCloseTo(13 / 7.0, within(1e-9));
  }

  @Test
  void theClassesTogetherAreTheWhole() {
    List<RequestResult> results = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      String of = i % 3 == 0 ? "rag" : i % 7 == 0 ? "code" : "chat";
      results.add(
          i % 10 == 3
              ? Results.failed(i, of, i * 1_000_000L, i % 20 == 3 ? Status.CUT : Status.REJECTED)
              : Results.ok(i, of, i * 1_000_000L, 10 + i, 1 + i % 5));
    }

    LoadMetrics metrics = recorded(Goal.NONE, results.toArray(RequestResult[]::new));

    ClassMetrics whole = metrics.whole();
    assertThat(metrics.classes()).containsOnlyKeys("chat", "code", "rag");
    assertThat(whole.sent()).isEqualTo(300);
    assertThat(whole.completed()).isEqualTo(270);
    assertThat(whole.failed()).containsEntry("cut", 15L).containsEntry("rejected", 15L);
    assertThat(sum(metrics, ClassMetrics::sent)).isEqualTo(whole.sent());
    assertThat(sum(metrics, ClassMetrics::completed)).isEqualTo(whole.completed());
    assertThat(sum(metrics, ClassMetrics::outputTokens)).isEqualTo(whole.outputTokens());
    assertThat(sum(metrics, ClassMetrics::promptTokens)).isEqualTo(whole.promptTokens());
    assertThat(sum(metrics, each -> each.itl().count())).isEqualTo(whole.itl().count());
    assertThat(sum(metrics, each -> each.failed().values().stream().mapToLong(n -> n).sum()))
        .isEqualTo(30);
    assertThat(metrics.classes().values().stream().mapToDouble(ClassMetrics::requestsPerS).sum())
        .isCloseTo(whole.requestsPerS(), within(1e-9));
    assertThat(metrics.classes().values().stream().mapToDouble(ClassMetrics::tokensPerS).sum())
        .isCloseTo(whole.tokensPerS(), within(1e-9));
  }

  @Test
  void percentilesAreValuesThatWereSeen() {
    long[] hundred = new long[100];
    for (int i = 0; i < 100; i++) {
      hundred[i] = i + 1L;
    }

    assertThat(Distribution.ofSorted(hundred))
        .isEqualTo(new Distribution(100, 50.5, 50, 90, 95, 99, 100));
    assertThat(Distribution.ofSorted(new long[] {7}))
        .isEqualTo(new Distribution(1, 7, 7, 7, 7, 7, 7));
    assertThat(Distribution.ofSorted(new long[] {1, 2, 3}).p50Ns()).isEqualTo(2);
  }

  @Test
  void whatIsWrittenCanBeReadWhateverTheErrorSays() throws Exception {
    Path file = directory.resolve("new/requests.jsonl");
    LoadPlan plan = plan(2);
    LoadRecorder recorder = LoadRecorder.start(plan, file, Goal.NONE);
    try (recorder) {
      recorder.add(Results.ok(0, "chat \"1\"", 5, 10, 2));
      recorder.add(Results.failed(1, "chat", 5, Status.REFUSED));
    }

    assertThat(recorder.failure()).isNull();
    List<JsonNode> lines =
        Files.readAllLines(file).stream().map(new JsonMapper()::readTree).toList();
    assertThat(lines.get(0).propertyNames())
        .containsExactly(
            "id",
            "class",
            "intended_start_ns",
            "start_ns",
            "first_token_ns",
            "token_times_ns",
            "end_ns",
            "prompt_tokens",
            "output_tokens",
            "status",
            "error");
    assertThat(lines.get(0).path("class").asString()).isEqualTo("chat \"1\"");
    assertThat(lines.get(0).path("token_times_ns").get(1).asLong()).isEqualTo(110_000_005);
    assertThat(lines.get(1).path("first_token_ns").isNull()).isTrue();
    assertThat(lines.get(1).path("status").asString()).isEqualTo("refused");
    assertThat(lines.get(1).path("error").asString()).isEqualTo("a \"reason\"");
  }

  @Test
  void aFullDiskCostsLinesButNoNumbers() {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.isWritable(full), "no /dev/full here");
    LoadPlan plan = plan(3);
    LoadRecorder recorder = LoadRecorder.start(plan, full, Goal.NONE);
    try (recorder) {
      for (int i = 0; i < 3; i++) {
        recorder.add(Results.ok(i, "chat", i, 10, 2));
      }
    }

    assertThat(recorder.failure()).contains("/dev/full", "No space left");
    assertThat(recorder.metrics(plan, RUN).whole().completed()).isEqualTo(3);
  }

  @Test
  void aClientThatComesLateIsNotToBeTrusted() {
    RequestResult[] results = new RequestResult[10];
    for (int i = 0; i < results.length; i++) {
      RequestResult ok = Results.ok(i, "chat", i * SECOND_NS, 10, 2);
      results[i] =
          new RequestResult(
              i,
              "chat",
              ok.startNs() - 40_000_000,
              ok.startNs(),
              ok.firstTokenNs(),
              ok.tokenTimesNs(),
              ok.endNs(),
              10,
              2,
              Status.OK,
              null);
    }

    LoadMetrics metrics = recorded(Goal.NONE, results);

    assertThat(metrics.isTrustworthy()).isFalse();
    assertThat(metrics.doubts()).singleElement().asString().contains("40 ms late");
    assertThat(recorded(Goal.NONE, Results.ok(0, "chat", 0, 1, 1)).isTrustworthy()).isTrue();
  }

  @Test
  void goodputCountsRequestsThatMeetEveryThresholdThemselves() {
    // 100 ms to the first token, 10 ms to each other one: the last ends after 100 + 40 ms.
    RequestResult fast = Results.ok(0, "chat", 0, 10, 2);
    RequestResult slow = Results.ok(1, "chat", 0, 10, 5);
    Goal goal = Goal.parse("ttft_p99<200ms,e2e_p95<120ms");

    LoadMetrics metrics = recorded(goal, fast, slow);

    assertThat(metrics.whole().good()).isEqualTo(1);
    assertThat(goal.outcomes(metrics))
        .extracting(Goal.Outcome::text, Goal.Outcome::met)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("ttft_p99<200ms", true),
            org.assertj.core.groups.Tuple.tuple("e2e_p95<120ms", false),
            org.assertj.core.groups.Tuple.tuple("success>=99%", true));
  }

  private static long sum(
      LoadMetrics metrics, java.util.function.ToLongFunction<ClassMetrics> value) {
    return metrics.classes().values().stream().mapToLong(value).sum();
  }

  private static LoadMetrics recorded(Goal goal, RequestResult... results) {
    LoadPlan plan = plan(results.length);
    LoadRecorder recorder = LoadRecorder.start(plan, null, goal);
    try (recorder) {
      for (RequestResult result : results) {
        recorder.add(result);
      }
    }
    return recorder.metrics(plan, RUN);
  }

  private static LoadPlan plan(int requests) {
    List<PlannedRequest> planned = new ArrayList<>();
    for (int i = 0; i < requests; i++) {
      planned.add(new PlannedRequest(i, "chat", 0, new Prompt.Text("the"), 1, 1));
    }
    return new LoadPlan(
        1, new LoadPlan.Pace.Open(), new Sampling(0, true), List.of(), planned, Long.MAX_VALUE);
  }
}
