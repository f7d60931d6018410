package dev.kerneltracer.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.serve.WindowResult.Outcome;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProfilerTest {
  private static final ProfileWindow WINDOW =
      new ProfileWindow("steady", Duration.ZERO, 10, Duration.ofMinutes(5), null);

  @TempDir Path directory;

  @Test
  void aWindowEndsAfterItsStepsWithWhatWasWritten() throws Exception {
    Path trace = directory.resolve("rank0.pt.trace.json");
    try (StubServer server = new StubServer(200, 200, trace);
        ServerConnection connection = new ServerConnection(server.url(), null)) {
      Profiler profiler = profiler(connection, Duration.ofMinutes(1));

      WindowResult result = profiler.record(WINDOW, () -> false);

      assertThat(result.outcome()).isEqualTo(Outcome.RECORDED);
      assertThat(result.problem()).isEmpty();
      assertThat(result.steps()).isGreaterThanOrEqualTo(10);
      assertThat(result.running()).isEqualTo(3);
      assertThat(result.traces()).containsExactly(trace);
      assertThat(result.startedNs()).isLessThanOrEqualTo(result.stopAskedNs());
      assertThat(result.stopAskedNs()).isLessThanOrEqualTo(result.stoppedNs());
      assertThat(server.othersWhileOpen).hasValue(0);
      assertThat(profiler.isLost()).isFalse();
    }
  }

  @Test
  void aLoadThatEndsEndsTheWindow() throws Exception {
    try (StubServer server = new StubServer(200, 200, null);
        ServerConnection connection = new ServerConnection(server.url(), null)) {
      WindowResult result = profiler(connection, Duration.ofMinutes(1)).record(WINDOW, () -> true);

      assertThat(result.outcome()).isEqualTo(Outcome.RECORDED);
      assertThat(result.problem()).isEqualTo("ended after 0 of 10 steps");
      assertThat(server.open).isFalse();
    }
  }

  @Test
  void aServerWithoutAProfilerIsTold() throws Exception {
    try (StubServer server = new StubServer(404, 200, null);
        ServerConnection connection = new ServerConnection(server.url(), null)) {
      WindowResult result = profiler(connection, Duration.ofMinutes(1)).record(WINDOW, () -> false);

      assertThat(result.outcome()).isEqualTo(Outcome.NO_PROFILER);
      assertThat(result.problem()).contains("started without a profiler", "404");
    }
  }

  @Test
  void aProfilerThatNeverStopsIsGivenUpAndWhatItWroteIsKept() throws Exception {
    Path trace = directory.resolve("rank0.pt.trace.json");
    try (StubServer server = new StubServer(200, 0, trace);
        ServerConnection connection = new ServerConnection(server.url(), null)) {
      Profiler profiler = profiler(connection, Duration.ofSeconds(2));

      WindowResult result = profiler.record(WINDOW, () -> false);

      assertThat(result.outcome()).isEqualTo(Outcome.NOT_STOPPED);
      assertThat(result.problem()).contains("did not stop within 2 s");
      assertThat(profiler.isLost()).isTrue();
      // The stub wrote it before it hung, but when it was heard is another matter.
      assertThat(trace).exists();
    }
  }

  @Test
  void anEngineThatDiesWhenTheProfilerStopsIsAnOutcome() throws Exception {
    try (StubServer server = new StubServer(200, 500, null);
        ServerConnection connection = new ServerConnection(server.url(), null)) {
      WindowResult result = profiler(connection, Duration.ofMinutes(1)).record(WINDOW, () -> false);

      assertThat(result.outcome()).isEqualTo(Outcome.ENGINE_DIED);
      assertThat(result.problem()).contains("/stop_profile answered 500");
    }
  }

  private Profiler profiler(ServerConnection connection, Duration stopLimit) {
    return new Profiler(connection, directory, stopLimit, System.nanoTime(), () -> null, _ -> {});
  }
}
