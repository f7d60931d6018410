package dev.kerneltracer.load;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.load.RequestResult.Status;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Whatever a server does, a request ends, and its status says why.
@Timeout(120)
class LoadFaultsTest {
  private static final Duration SHORT = Duration.ofMillis(300);

  private static void assertEnd(RequestResult result, Status status, String error) {
    assertThat(result.status()).as("%s", result.error()).isEqualTo(status);
    assertThat(result.error()).contains(error).doesNotContain("\n");
  }

  @Test
  void nobodyListens() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    RequestResult result = ClientRun.one(ClientRun.target(URI.create("http://127.0.0.1:" + port)));

    assertEnd(result, Status.REFUSED, "no connection to 127.0.0.1:" + port);
    assertThat(result.firstTokenNs()).isEqualTo(-1);
    assertThat(result.outputTokens()).isZero();
  }

  @Test
  void theHostIsUnknown() {
    assertEnd(
        ClientRun.one(ClientRun.target(URI.create("http://nowhere.invalid:8000"))),
        Status.REFUSED,
        "the host nowhere.invalid is unknown");
  }

  @Test
  void noAnswerComes() throws Exception {
    try (StubServer server = new StubServer(StubServer.Call::awaitClose)) {
      assertEnd(
          ClientRun.one(ClientRun.target(server.url(), SHORT, ClientRun.LONG)),
          Status.TIMEOUT,
          "not at its end after 0.3 s");
    }
  }

  @Test
  void aStreamFallsSilent() throws Exception {
    try (StubServer server =
        new StubServer(call -> {
          call.chunkedHead();
          call.chunk(StubServer.data(StubServer.text("a")));
          call.awaitClose();
        })) {
      RequestResult result = ClientRun.one(ClientRun.target(server.url(), ClientRun.LONG, SHORT));

      assertEnd(result, Status.TIMEOUT, "silent for 0.3 s");
      assertThat(result.tokenTimesNs()).hasSizeLessThanOrEqualTo(1);
    }
  }

  /// A byte now and then keeps no request alive for ever.
  @Test
  void bytesTrickle() throws Exception {
    try (StubServer server =
        new StubServer(call -> {
          call.raw(StubServer.STREAM + "\r\n");
          for (int i = 0; i < 10_000; i++) {
            call.raw(":");
            Thread.sleep(10);
          }
        })) {
      assertEnd(
          ClientRun.one(ClientRun.target(server.url(), SHORT, ClientRun.LONG)),
          Status.TIMEOUT,
          "not at its end after 0.3 s");
    }
  }

  @Test
  void theServerIsKilledInTheMiddle() throws Exception {
    CountDownLatch streaming = new CountDownLatch(8);
    try (StubServer server =
        new StubServer(call -> {
          call.chunkedHead();
          call.chunk(StubServer.data(StubServer.text("a")));
          streaming.countDown();
          call.awaitClose();
        })) {
      ClientRun run = new ClientRun();
      Thread killer =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  if (streaming.await(60, TimeUnit.SECONDS)) {
                    server.kill();
                  }
                } catch (Exception e) {
                  throw new AssertionError(e);
                }
              });
      LoadRun ended =
          new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(8, 30), run);
      killer.join();

      assertThat(ended.unsent()).isZero();
      assertThat(run.statuses()).hasSize(30);
      assertThat(run.statuses().stream().filter(s -> s == Status.CUT).count()).isEqualTo(8);
      assertThat(run.statuses().stream().filter(s -> s == Status.REFUSED).count()).isEqualTo(22);
    }
  }

  @Test
  void aStreamBreaksOff() throws Exception {
    RequestResult chunked =
        ClientRun.one(call -> {
          call.chunkedHead();
          call.chunk(StubServer.data(StubServer.text("a")));
          call.close();
        });
    assertEnd(chunked, Status.CUT, "broke off");
    assertThat(chunked.outputTokens()).isEqualTo(1);

    assertEnd(
        ClientRun.one(call -> call.stream(StubServer.text("a"))),
        Status.CUT,
        "the stream ended before the generation did");
    assertEnd(
        ClientRun.one(StubServer.Call::close),
        Status.CUT,
        "the server closed the connection without an answer");
  }

  @Test
  void aMessageIsNoJson() throws Exception {
    for (String garbage : List.of("{\"choices\":[{\"te", "hello", "[1]", "{}}", "\"x\"")) {
      assertEnd(
          ClientRun.one(call -> call.stream(StubServer.text("a"), garbage)),
          Status.ERROR,
          "no JSON object");
    }
  }

  @Test
  void anErrorComesWithinTheStream() throws Exception {
    assertEnd(
        ClientRun.one(call ->
            call.stream(
                StubServer.text("a"),
                "{\"error\":{\"message\":\"the engine\\nhas died\",\"code\":500}}",
                "[DONE]")),
        Status.ERROR,
        "the server says: the engine has died");
    assertEnd(
        ClientRun.one(
            call -> call.stream("{\"object\":\"error\",\"message\":\"too long\",\"code\":400}")),
        Status.ERROR,
        "the server says: too long");
  }

  @Test
  void theServerSaysNo() throws Exception {
    assertEnd(
        ClientRun.one(call ->
            call.plain(
                "429 Too Many Requests",
                "Retry-After: 7\r\n",
                "{\"error\":{\"message\":\"slow down\"}}")),
        Status.REJECTED,
        "HTTP 429, Retry-After: 7: slow down");
    assertEnd(
        ClientRun.one(call -> call.plain("401 Unauthorized", "", "")), Status.REJECTED, "HTTP 401");
    assertEnd(
        ClientRun.one(
            call -> call.plain("500 Internal Server Error", "", "<h1>Internal</h1>\n<p>error")),
        Status.ERROR,
        "HTTP 500: <h1>Internal</h1> <p>error");
    assertEnd(
        ClientRun.one(
            call -> call.plain("302 Found", "Location: http://elsewhere.invalid/\r\n", "")),
        Status.ERROR,
        "HTTP 302, a redirect, which is not followed");
  }

  @Test
  void aRejectedRequestLeavesItsConnectionInUse() throws Exception {
    try (StubServer server =
        new StubServer(call -> call.plain("429 Too Many Requests", "", "later"))) {
      ClientRun run = new ClientRun();
      new LoadClient(ClientRun.target(server.url())).run(ClientRun.closed(1, 4), run);

      assertThat(run.statuses()).hasSize(4).containsOnly(Status.REJECTED);
      assertThat(server.calls()).hasSize(4);
      assertThat(server.connections()).isLessThan(4);
    }
  }

  @Test
  void theAnswerIsNoStream() throws Exception {
    assertEnd(
        ClientRun.one(call -> {
          call.raw(
              "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n");
          String part = " ".repeat(1 << 16);
          for (int i = 0; i < 1600; i++) {
            call.raw(part);
          }
        }),
        Status.ERROR,
        "answered with application/json where a stream of events was asked for");
    assertEnd(
        ClientRun.one(call -> call.raw("220 mail.example ESMTP\r\n")),
        Status.ERROR,
        "not an answer in HTTP/1.1");
  }

  @Test
  void theAnswerNeverEnds() throws Exception {
    String comment = ":" + "x".repeat(1 << 16) + "\n";
    assertEnd(
        ClientRun.one(call -> {
          call.raw(StubServer.STREAM + "\r\n");
          for (int i = 0; i < 1600; i++) {
            call.raw(comment);
          }
        }),
        Status.ERROR,
        "longer than 64 MiB");
    String part = "x".repeat(1 << 16);
    assertEnd(
        ClientRun.one(call -> {
          call.raw(StubServer.STREAM + "\r\ndata: ");
          for (int i = 0; i < 1600; i++) {
            call.raw(part);
          }
        }),
        Status.ERROR,
        "longer than 8 MiB");
    assertEnd(
        ClientRun.one(call -> {
          call.raw("HTTP/1.1 200 OK\r\n");
          for (int i = 0; i < 1600; i++) {
            call.raw("X-Field: " + part + "\r\n");
          }
        }),
        Status.ERROR,
        "longer than 64 KiB");
  }

  @Test
  void otherRequestsGoOnBesideOneThatFails() throws Exception {
    try (StubServer server =
        new StubServer(call -> {
          switch (call.number % 4) {
            case 0 -> call.plain("500 Internal Server Error", "", "");
            case 1 -> call.close();
            case 2 -> call.stream("garbage");
            default -> call.stream(StubServer.threeTokens());
          }
        })) {
      ClientRun run = new ClientRun();
      new LoadClient(ClientRun.target(server.url()), Map.of()).run(ClientRun.closed(1, 20), run);

      assertThat(run.statuses()).hasSize(20).contains(Status.OK, Status.ERROR);
      assertThat(run.results())
          .allSatisfy(r -> assertThat(r.error() == null).isEqualTo(r.status() == Status.OK));
    }
  }
}
