package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.analysis.CriticalPath.Kind;
import dev.kerneltracer.analysis.Gaps.Cause;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Programs that leave a GPU idle for a reason that they know, recorded there by
/// `scripts/record-causes`, and what they say of themselves.
class RecordedCausesTest {
  private static final long SPIN_NS = 300_000_000;

  private final JsonMapper json = new JsonMapper();

  /// What is known of a recorded program, and what was found.
  private record Recorded(JsonNode truth, Gaps gaps, CriticalPath path) {
    long plantedNs() {
      return truth.path("planted_idle_ns").asLong();
    }

    long pathNs(Kind kind) {
      return path.totalNs(0, kind);
    }
  }

  private Recorded recorded(String cause) throws IOException {
    JsonNode truth = json.readTree(Files.readString(TestTraces.file("causes/" + cause + ".json")));
    Trace trace = TraceReader.read(TestTraces.trace("causes/" + cause));
    TraceLinks links = TraceLinks.of(trace);
    DeviceWork work = DeviceWork.of(trace);
    HostWaits waits = HostWaits.of(trace);
    Steps steps = Steps.of(trace, links, work);
    return new Recorded(
        truth,
        Gaps.of(trace, links, work, waits),
        CriticalPath.of(trace, links, work, waits, steps));
  }

  @ParameterizedTest
  @EnumSource(
      value = Cause.class,
      names = {"HOST_LATE", "SYNC", "MEMCPY", "NO_WORK"})
  void idleTimeHasTheCauseThatWasPlanted(Cause cause) throws IOException {
    Recorded recorded = recorded(cause.text());
    long others = 0;
    for (Cause other : Cause.values()) {
      others += other == cause ? 0 : recorded.gaps().totalNs(other);
    }

    assertThat(recorded.truth().path("cause").asString()).isEqualTo(cause.text());
    assertThat(recorded.gaps().totalNs(cause)).isGreaterThan(recorded.plantedNs() * 95 / 100);
    assertThat(others).isLessThan(recorded.plantedNs() * 5 / 100);
    assertThat(recorded.gaps().totalNs(Cause.UNKNOWN)).isZero();
  }

  @Test
  void whatLiesBetweenTheKernelsOfAGraphIsTheirQueueing() throws IOException {
    Recorded recorded = recorded("launch_queue");

    assertThat(recorded.gaps().totalNs(Cause.LAUNCH_QUEUE)).isPositive();
    assertThat(recorded.gaps().size()).isGreaterThan(900);
    for (int gap = 0; gap < recorded.gaps().size(); gap++) {
      assertThat(recorded.gaps().cause(gap)).isEqualTo(Cause.LAUNCH_QUEUE);
    }
  }

  /// The main stream has nothing to do for 5 ms of each 15, but another stream has.
  @Test
  void aDeviceIsNotIdleWhileAnotherStreamWorks() throws IOException {
    Recorded recorded = recorded("overlap");
    long idle = 0;
    for (Cause cause : Cause.values()) {
      idle += recorded.gaps().totalNs(cause);
    }

    assertThat(idle).isLessThan(1_000_000);
  }

  @ParameterizedTest
  @EnumSource(
      value = Cause.class,
      names = {"HOST_LATE", "SYNC", "MEMCPY", "NO_WORK"})
  void theHostIsOnTheCriticalPathWhileTheDeviceIsIdle(Cause cause) throws IOException {
    Recorded recorded = recorded(cause.text());

    assertThat(recorded.pathNs(Kind.HOST)).isGreaterThan(recorded.plantedNs() * 95 / 100);
  }

  /// Twenty kernels of 15 ms, for each of which the host waits: by a synchronising call, by a copy
  /// to pageable memory, or because the next comes on the same stream.
  @ParameterizedTest
  @ValueSource(strings = {"sync", "memcpy", "overlap"})
  void kernelsThatTheHostWaitsForAreOnTheCriticalPath(String program) throws IOException {
    Recorded recorded = recorded(program);

    assertThat(recorded.pathNs(Kind.KERNEL)).isCloseTo(SPIN_NS, Percentage.withPercentage(3));
  }

  @Test
  void aCopyThatTheHostWaitsForIsOnTheCriticalPath() throws IOException {
    Recorded recorded = recorded("memcpy");

    assertThat(recorded.pathNs(Kind.MEMCPY)).isGreaterThan(6_000_000);
  }

  @Test
  void whatTheHostDidBesideAWorkingDeviceIsNotOnTheCriticalPath() throws IOException {
    Recorded recorded = recorded("overlap");

    assertThat(recorded.pathNs(Kind.HOST)).isLessThan(6_000_000);
  }
}
