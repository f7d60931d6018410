package dev.kerneltracer.batch;

import static dev.kerneltracer.tracer.Tracer.TORCH_DISPATCH;
import static dev.kerneltracer.tracer.Tracer.TORCH_PROFILER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.batch.JobQueue.Entry;
import dev.kerneltracer.batch.PlannedJob.State;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.Tracer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class JobQueueTest {
  private static final Slot FIRST = new Slot("0", Map.of());
  private static final Slot SECOND = new Slot("1", Map.of());

  @Test
  void twoJobsOfAGroupAreNeverAtOnceOnOneDevice() throws Exception {
    JobQueue queue =
        queue(0, job("a", TORCH_PROFILER), job("b", TORCH_PROFILER), job("b", TORCH_DISPATCH));

    Entry profiled = take(queue, FIRST);
    assertThat(name(profiled)).isEqualTo("type:a torch_profiler");
    assertThat(name(take(queue, FIRST))).as("b's waits").isEqualTo("type:b torch_dispatch");

    queue.finish(profiled, FIRST, Outcome.SUCCESS);
    assertThat(name(take(queue, FIRST))).isEqualTo("type:b torch_profiler");
  }

  @Test
  void onTwoDevicesAGroupMayBeAtWorkTwice() throws Exception {
    JobQueue queue = queue(0, job("a", TORCH_PROFILER), job("b", TORCH_PROFILER));

    assertThat(name(take(queue, FIRST))).isEqualTo("type:a torch_profiler");
    assertThat(name(take(queue, SECOND))).isEqualTo("type:b torch_profiler");
  }

  @Test
  void whoWaitsForAGroupIsWokenAndWhoWaitsForNothingEnds() throws Exception {
    JobQueue queue = queue(0, job("a", TORCH_PROFILER), job("b", TORCH_PROFILER));
    Entry first = take(queue, FIRST);
    AtomicReference<Entry> second = new AtomicReference<>();
    Thread waiting = Thread.ofVirtual().start(() -> second.set(takeUnchecked(queue)));
    assertThat(waiting.join(Duration.ofMillis(100))).isFalse();

    queue.finish(first, FIRST, Outcome.SUCCESS);

    assertThat(waiting.join(Duration.ofSeconds(10))).isTrue();
    assertThat(name(second.get())).isEqualTo("type:b torch_profiler");
    queue.finish(second.get(), FIRST, Outcome.SUCCESS);
    assertThat(queue.take(FIRST)).isNull();
  }

  @Test
  void aJobWhoseOutcomeMayChangeIsTriedAgainAfterAllOthers() throws Exception {
    JobQueue queue = queue(1, job("a", TORCH_DISPATCH), job("b", TORCH_DISPATCH));

    assertThat(queue.finish(take(queue, FIRST), FIRST, Outcome.KILLED)).isTrue();
    assertThat(name(take(queue, FIRST))).isEqualTo("type:b torch_dispatch");
    Entry again = take(queue, FIRST);
    assertThat(name(again)).isEqualTo("type:a torch_dispatch");
    assertThat(queue.finish(again, FIRST, Outcome.KILLED)).as("no third time").isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      names = {
        "SUCCESS",
        "INCOMPLETE_MODEL",
        "UNSUPPORTED_MODEL",
        "GATED_MODEL",
        "CANCELLED",
        "SKIPPED"
      })
  void whatCannotEndOtherwiseIsNotTriedAgain(Outcome outcome) throws Exception {
    JobQueue queue = queue(5, job("a", TORCH_DISPATCH));

    assertThat(queue.finish(take(queue, FIRST), FIRST, outcome)).isFalse();
    assertThat(queue.take(FIRST)).isNull();
  }

  @Test
  void jobsOfAModelThatIsOnItsWayLetOthersPass() throws Exception {
    PlannedJob remote = remote("org/name");
    JobQueue queue = new JobQueue(List.of(remote, planned(job("a", TORCH_DISPATCH))), 0);
    assertThat(queue.downloads()).containsExactly(Map.entry("org/name", 1));

    Entry here = take(queue, FIRST);
    assertThat(name(here)).isEqualTo("type:a torch_dispatch");
    queue.found(
        "org/name",
        new ModelSource.Answer.Here(new ModelReference.Hub("org/name", Path.of("/hub/abc"))));
    Entry then = take(queue, FIRST);

    assertThat(name(then)).isEqualTo("org/name torch_dispatch");
    assertThat(then.job().model().directory()).isEqualTo(Path.of("/hub/abc"));
  }

  @Test
  void jobsOfAModelThatIsNotToBeHadComeWithTheReason() throws Exception {
    JobQueue queue = new JobQueue(List.of(remote("org/gated")), 3);
    queue.found("org/gated", new ModelSource.Answer.Missing(Outcome.GATED_MODEL, "ask first"));

    Entry entry = take(queue, FIRST);

    assertThat(entry.missing())
        .isEqualTo(new ModelSource.Answer.Missing(Outcome.GATED_MODEL, "ask first"));
    assertThat(queue.finish(entry, FIRST, Outcome.GATED_MODEL)).isFalse();
  }

  private static PlannedJob remote(String name) {
    ModelReference.Hub absent = new ModelReference.Hub(name, Path.of("/absent"));
    return new PlannedJob(
        TestJobs.of(absent, TORCH_DISPATCH, Path.of("outputs")), State.DOWNLOAD, "", null);
  }

  private static TraceJob job(String type, Tracer tracer) {
    return TestJobs.of(type, tracer);
  }

  private static PlannedJob planned(TraceJob job) {
    return new PlannedJob(job, State.RUN, "", null);
  }

  private static JobQueue queue(int retries, TraceJob... jobs) {
    List<PlannedJob> planned = new ArrayList<>();
    for (TraceJob job : jobs) {
      planned.add(planned(job));
    }
    return new JobQueue(planned, retries);
  }

  private static Entry take(JobQueue queue, Slot slot) throws InterruptedException {
    return Objects.requireNonNull(queue.take(slot));
  }

  private static Entry takeUnchecked(JobQueue queue) {
    try {
      return take(queue, FIRST);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String name(Entry entry) {
    return entry.job().model().label() + " " + entry.job().tracer().name();
  }
}
