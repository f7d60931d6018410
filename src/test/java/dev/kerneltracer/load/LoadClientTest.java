package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import dev.kerneltracer.load.RequestResult.Status;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What the client sends, when, and what it makes of good answers.
@Timeout(120)
class LoadClientTest {
  private static Target with(URI url, Target.Endpoint endpoint, String apiKey, boolean tokenIds) {
    return new Target(
        url, "tiny", endpoint, apiKey, tokenIds, ClientRun.LONG, ClientRun.LONG, false);
  }

  @Test
  void aCompletionIsCountedAndSaysWhatWasAsked() throws Exception {
    try (StubServer server = new StubServer(call -> call.stream(StubServer.threeTokens()))) {
      RequestResult result = ClientRun.one(ClientRun.target(server.url()));

      assertThat(result.error()).isNull();
      assertThat(result.status()).isEqualTo(Status.OK);
      assertThat(result.tokenTimesNs()).hasSize(3).isSorted();
      assertThat(result.firstTokenNs()).isEqualTo(result.tokenTimesNs().getFirst());
      assertThat(result.promptTokens()).isEqualTo(7);
      assertThat(result.outputTokens()).isEqualTo(3);
      assertThat(result.startNs()).isBetween(0L, result.firstTokenNs());
      assertThat(result.endNs()).isGreaterThanOrEqualTo(result.tokenTimesNs().getLast());
      StubServer.Call call = server.calls().getFirst();
      assertThat(call.head)
          .startsWith("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:" + server.port())
          .doesNotContain("Authorization");
      assertThat(call.body)
          .isEqualTo(
              "{\"model\":\"tiny\",\"prompt\":\"héllo\",\"max_tokens\":3,\"temperature\":0.0,"
                  + "\"ignore_eos\":true,\"stream\":true,"
                  + "\"stream_options\":{\"include_usage\":true}}");
    }
  }

  /// Each token is sent when the one before has been heard of, so that its time lies between two
  /// moments that the server knows.
  @Test
  void tokensHaveTheTimesAtWhichTheyCame() throws Exception {
    Semaphore heard = new Semaphore(0);
    List<Long> before = new CopyOnWriteArrayList<>();
    List<Long> after = new CopyOnWriteArrayList<>();
    StubServer.Script script =
        call -> {
          call.chunkedHead();
          for (int i = 0; i < 20; i++) {
            before.add(System.nanoTime());
            call.chunk(StubServer.data(StubServer.text("t")));
            assertThat(heard.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
            after.add(System.nanoTime());
          }
          call.chunk(StubServer.data(StubServer.finish()) + StubServer.data("[DONE]"));
          call.lastChunk();
        };
    List<RequestResult> results = new ArrayList<>();
    LoadListener listener =
        new LoadListener() {
          @Override
          public void started(PlannedRequest request) {}

          @Override
          public void tokens(int count) {
            heard.release(count);
          }

          @Override
          public void ended(RequestResult result) {
            results.add(result);
          }
        };
    try (StubServer server = new StubServer(script)) {
      LoadRun run =
          new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(1, 1), listener);

      List<Long> times = results.getFirst().tokenTimesNs();
      assertThat(times).hasSize(20);
      for (int i = 0; i < 20; i++) {
        assertThat(times.get(i) + run.zeroNanoTime()).isBetween(before.get(i), after.get(i));
      }
      assertThat(results.getFirst().endNs()).isLessThanOrEqualTo(run.durationNs());
    }
  }

  @Test
  void aRoleIsNoTokenOfAChat() throws Exception {
    String[] messages = {
      "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"你\"}}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
      "[DONE]"
    };
    try (StubServer server = new StubServer(call -> call.stream(messages))) {
      RequestResult result =
          ClientRun.one(
              with(server.url(), Target.Endpoint.CHAT, "secret", false),
              Map.of(),
              ClientRun.chatRequest());

      assertThat(result.status()).isEqualTo(Status.OK);
      assertThat(result.tokenTimesNs()).hasSize(3);
      assertThat(result.outputTokens()).isEqualTo(3);
      assertThat(result.promptTokens()).isEqualTo(-1);
      StubServer.Call call = server.calls().getFirst();
      assertThat(call.head)
          .startsWith("POST /v1/chat/completions ")
          .contains("\r\nAuthorization: Bearer secret\r\n");
      assertThat(call.body).contains("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]");
    }
  }

  @Test
  void tokenIdsCountWhateverTheirText() throws Exception {
    String[] messages = {
      "{\"choices\":[{\"text\":\"\",\"token_ids\":[5],\"prompt_token_ids\":[1,2,3]}]}",
      "{\"choices\":[{\"text\":\"ab\",\"token_ids\":[6,7]}]}",
      "{\"choices\":[{\"text\":\"\",\"token_ids\":[8],\"finish_reason\":\"length\"}]}",
      "[DONE]"
    };
    try (StubServer server = new StubServer(call -> call.stream(messages))) {
      RequestResult result =
          ClientRun.one(
              with(server.url(), Target.Endpoint.COMPLETIONS, "k", true),
              Map.of(),
              new PlannedRequest(0, "rag", 0, new Prompt.Tokens(List.of(1, 2, 3)), 3, 4));

      assertThat(result.tokenTimesNs()).hasSize(4);
      assertThat(result.tokenTimesNs().get(1)).isEqualTo(result.tokenTimesNs().get(2));
      assertThat(server.calls().getFirst().body)
          .contains("\"prompt\":[1,2,3]")
          .contains("\"return_token_ids\":true");
    }
  }

  @Test
  void countsInEveryMessageSayHowManyTokensItBrings() throws Exception {
    String text = "{\"choices\":[{\"text\":\"x\"}],\"usage\":{\"completion_tokens\":%d}}";
    RequestResult result =
        ClientRun.one(call ->
            call.stream(
                text.formatted(1),
                text.formatted(4),
                StubServer.finish(),
                StubServer.usage(7, 4),
                "[DONE]"));

    assertThat(result.tokenTimesNs()).hasSize(4);
    assertThat(result.outputTokens()).isEqualTo(4);
  }

  @Test
  void aStreamWithoutItsLastMarkIsWholeWhereTheGenerationHasEnded() throws Exception {
    RequestResult result =
        ClientRun.one(call -> {
          call.raw(StubServer.STREAM + "\r\n");
          call.raw(StubServer.data(StubServer.text("a")));
          call.raw(StubServer.data(StubServer.finish()));
          call.close();
        });

    assertThat(result.status()).isEqualTo(Status.OK);
    assertThat(result.tokenTimesNs()).hasSize(1);
  }

  /// The generation is whole; that the server forgets to end its answer takes nothing from it.
  @Test
  void nothingIsWaitedForAfterTheLastMark() throws Exception {
    RequestResult result =
        ClientRun.one(call -> {
          call.chunkedHead();
          for (String message : StubServer.threeTokens()) {
            call.chunk(StubServer.data(message));
          }
          call.awaitClose();
        });

    assertThat(result.status()).isEqualTo(Status.OK);
    assertThat(result.outputTokens()).isEqualTo(3);
  }

  @Test
  void aConnectionIsUsedAgain() throws Exception {
    try (StubServer server = new StubServer(call -> call.stream(StubServer.threeTokens()))) {
      ClientRun run = new ClientRun();
      new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(1, 5), run);

      assertThat(run.statuses()).hasSize(5).containsOnly(Status.OK);
      assertThat(server.connections()).isLessThan(5);
    }
  }

  @Test
  void aConnectionThatSaysCloseIsNotUsedAgain() throws Exception {
    String events = StubServer.data(StubServer.finish()) + StubServer.data("[DONE]");
    try (StubServer server =
        new StubServer(call ->
            call.plain(
                "200 OK", "Content-Type: text/event-stream\r\nConnection: close\r\n", events))) {
      ClientRun run = new ClientRun();
      new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(1, 3), run);

      assertThat(run.statuses()).hasSize(3).containsOnly(Status.OK);
      assertThat(server.connections()).isEqualTo(3);
    }
  }

  @Test
  void aServerThatClosesIdleConnectionsLosesNoRequest() throws Exception {
    try (StubServer server =
        new StubServer(call -> {
          call.stream(StubServer.threeTokens());
          call.close();
        })) {
      ClientRun run = new ClientRun();
      new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(2, 40), run);

      assertThat(run.statuses()).hasSize(40).containsOnly(Status.OK);
      assertThat(server.calls()).hasSize(40);
    }
  }

  @Test
  void urlsMayEndInTheVersionAndNameIpv6() throws Exception {
    ServerSocket listening = new ServerSocket(0, 50, InetAddress.ofLiteral("::1"));
    try (StubServer server =
        new StubServer(listening, call -> call.stream(StubServer.threeTokens()))) {
      for (String path : List.of("", "/", "/v1", "/v1/", "/some/proxy")) {
        URI url = URI.create("http://[::1]:" + server.port() + path);
        assertThat(ClientRun.one(ClientRun.target(url)).status()).isEqualTo(Status.OK);
      }
      assertThat(server.calls().stream().map(call -> call.head.split(" ", 3)[1]))
          .containsExactly(
              "/v1/completions",
              "/v1/completions",
              "/v1/completions",
              "/v1/completions",
              "/some/proxy/v1/completions");
      assertThat(server.calls().getFirst().head)
          .contains("\r\nHost: [::1]:" + server.port() + "\r\n");
    }
  }

  @Test
  void aClosedLoopHasAsManyUnderWayAsItSays() throws Exception {
    CyclicBarrier four = new CyclicBarrier(4);
    AtomicInteger now = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (StubServer server =
        new StubServer(call -> {
          most.accumulateAndGet(now.incrementAndGet(), Math::max);
          four.await(60, TimeUnit.SECONDS);
          now.decrementAndGet();
          call.stream(StubServer.threeTokens());
        })) {
      ClientRun run = new ClientRun();
      LoadRun ended =
          new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(4, 40), run);

      assertThat(run.statuses()).hasSize(40).containsOnly(Status.OK);
      assertThat(most).hasValue(4);
      assertThat(ended.unsent()).isZero();
      assertThat(run.results())
          .allSatisfy(r -> assertThat(r.intendedStartNs()).isEqualTo(r.startNs()));
    }
  }

  @Test
  void aClosedLoopEndsWithItsTime() throws Exception {
    try (StubServer server = new StubServer(call -> call.stream(StubServer.threeTokens()))) {
      ClientRun run = new ClientRun();
      LoadPlan plan = ClientRun.closed(2, 10);
      LoadPlan short0 =
          new LoadPlan(1, plan.pace(), plan.sampling(), List.of(), plan.requests(), 0);
      LoadRun ended = new LoadClient(ClientRun.target(server.url())).run(short0, run);

      assertThat(run.results()).isEmpty();
      assertThat(ended.unsent()).isEqualTo(10);
      assertThat(ended.interrupted()).isFalse();
    }
  }

  /// No answer comes before all have been sent, so that a client that waits for one never ends.
  @Test
  void anOpenLoopWaitsForNoAnswer() throws Exception {
    int count = 150;
    CountDownLatch all = new CountDownLatch(count);
    try (StubServer server =
        new StubServer(call -> {
          all.countDown();
          assertThat(all.await(60, TimeUnit.SECONDS)).isTrue();
          call.stream(StubServer.threeTokens());
        })) {
      List<PlannedRequest> requests = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        requests.add(ClientRun.request(i, i * 2_000_000L));
      }
      ClientRun run = new ClientRun();
      LoadRun ended =
          new LoadClient(ClientRun.target(server.url()))
              .run(ClientRun.plan(new LoadPlan.Pace.Open(), requests), run);

      assertThat(run.statuses()).hasSize(count).containsOnly(Status.OK);
      assertThat(run.started).hasValue(count);
      assertThat(server.calls()).hasSize(count);
      assertThat(run.results())
          .allSatisfy(r -> {
            assertThat(r.intendedStartNs()).isEqualTo(r.id() * 2_000_000L);
            assertThat(r.startNs()).isGreaterThanOrEqualTo(r.intendedStartNs());
          });
      LoadRun.Lateness lateness = ended.lateness();
      assertThat(lateness.requests()).isEqualTo(count);
      assertThat(lateness.maxNs())
          .isEqualTo(
              run.results().stream()
                  .mapToLong(r -> r.startNs() - r.intendedStartNs())
                  .max()
                  .orElseThrow());
      assertThat(lateness.p50Ns()).isLessThanOrEqualTo(lateness.p99Ns());
    }
  }

  @Test
  void warmUpComesFirstAndIsToldApart() throws Exception {
    try (StubServer server =
        new StubServer(call -> {
          if (call.number == 0) {
            call.plain("503 Service Unavailable", "", "loading");
          } else {
            call.stream(StubServer.threeTokens());
          }
        })) {
      LoadPlan plan = ClientRun.closed(1, 2);
      List<PlannedRequest> warmup = List.of(ClientRun.request(-1, 0), ClientRun.request(-2, 0));
      ClientRun run = new ClientRun();
      LoadRun ended =
          new LoadClient(ClientRun.target(server.url()))
              .run(
                  new LoadPlan(
                      1, plan.pace(), plan.sampling(), warmup, plan.requests(), plan.durationNs()),
                  run);

      assertThat(ended.warmup().stream().map(RequestResult::status))
          .containsExactly(Status.ERROR, Status.OK);
      assertThat(run.results().stream().map(RequestResult::id)).containsExactly(0, 1);
    }
  }

  @Test
  void aWarmUpThatFailsEntirelyEndsTheRun() throws Exception {
    try (StubServer server =
        new StubServer(call ->
            call.plain(
                "404 Not Found",
                "Content-Type: application/json\r\n",
                "{\"error\":{\"message\":\"The model `tiny` does not exist.\"}}"))) {
      LoadPlan plan = ClientRun.closed(1, 2);
      LoadPlan warm =
          new LoadPlan(
              1,
              plan.pace(),
              plan.sampling(),
              List.of(ClientRun.request(-1, 0)),
              plan.requests(),
              plan.durationNs());
      ClientRun run = new ClientRun();

      assertThatThrownBy(() -> new LoadClient(ClientRun.target(server.url())).run(warm, run))
          .isInstanceOfSatisfying(
              UserException.class,
              e -> assertThat(e.hint()).contains("HTTP 404: The model `tiny` does not exist."));
      assertThat(run.started).hasValue(0);
      assertThat(server.calls()).hasSize(1);
    }
  }

  @Test
  void anInterruptEndsAllThatIsUnderWay() throws Exception {
    int streams = 20;
    CountDownLatch streaming = new CountDownLatch(streams);
    try (StubServer server =
        new StubServer(call -> {
          call.chunkedHead();
          call.chunk(StubServer.data(StubServer.text("a")));
          call.awaitClose();
        })) {
      List<PlannedRequest> requests = new ArrayList<>();
      for (int i = 0; i < streams; i++) {
        requests.add(ClientRun.request(i, 0));
      }
      for (int i = 0; i < 5; i++) {
        requests.add(ClientRun.request(streams + i, TimeUnit.HOURS.toNanos(1)));
      }
      List<RequestResult> results = new ArrayList<>();
      LoadListener listener =
          new LoadListener() {
            @Override
            public void started(PlannedRequest request) {}

            @Override
            public void tokens(int count) {
              streaming.countDown();
            }

            @Override
            public void ended(RequestResult result) {
              synchronized (results) {
                results.add(result);
              }
            }
          };
      List<LoadRun> runs = new ArrayList<>();
      Thread thread =
          Thread.ofPlatform()
              .start(() ->
                  runs.add(
                      new LoadClient(ClientRun.target(server.url()))
                          .run(ClientRun.plan(new LoadPlan.Pace.Open(), requests), listener)));
      assertThat(streaming.await(60, TimeUnit.SECONDS)).isTrue();
      thread.interrupt();
      thread.join();

      assertThat(runs.getFirst().interrupted()).isTrue();
      assertThat(runs.getFirst().unsent()).isEqualTo(5);
      assertThat(results)
          .hasSize(streams)
          .allSatisfy(r -> {
            assertThat(r.status()).isEqualTo(Status.CUT);
            assertThat(r.error()).isEqualTo("interrupted");
            assertThat(r.tokenTimesNs()).hasSize(1);
          });
    }
  }
}
