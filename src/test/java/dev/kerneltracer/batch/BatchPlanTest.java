package dev.kerneltracer.batch;

import static dev.kerneltracer.tracer.Tracer.TORCH_DISPATCH;
import static dev.kerneltracer.tracer.Tracer.TORCH_PROFILER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.batch.PlannedJob.State;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.JobStatus;
import dev.kerneltracer.tracer.Layout;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchPlanTest {
  @TempDir Path directory;

  @Test
  void aThousandJobsOfWhichMostAreDoneArePlannedInAMoment() throws IOException {
    List<ModelReference> models = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      Path snapshot = snapshot("org/model" + i, "c0ffee" + i);
      models.add(new ModelReference.Hub("org/model" + i, snapshot));
    }
    List<Tracer> tracers = List.of(TORCH_PROFILER, TORCH_DISPATCH);
    int done = 0;
    for (ModelReference model : models) {
      for (Tracer tracer : tracers) {
        if (done < 990) {
          succeed(TestJobs.of(model, tracer, outputs()));
          done++;
        }
      }
    }

    long startNs = System.nanoTime();
    BatchPlan plan = plan(models, tracers);
    Duration took = Duration.ofNanos(System.nanoTime() - startNs);

    assertThat(plan.count(State.DONE)).isEqualTo(990);
    assertThat(plan.count(State.RUN)).isEqualTo(10);
    assertThat(plan.open()).hasSize(10);
    // The promise is 2 s, bench/plan measures it; here it must not hang on a busy machine.
    assertThat(took).isLessThan(Duration.ofSeconds(60));
  }

  @Test
  void anotherRevisionOrAFailureRunsAgain() throws IOException {
    ModelReference.Hub old = new ModelReference.Hub("org/name", snapshot("org/name", "aaa"));
    succeed(TestJobs.of(old, TORCH_DISPATCH, outputs()));
    end(TestJobs.of(old, TORCH_PROFILER, outputs()), Outcome.KILLED);

    BatchPlan same = plan(List.of(old), List.of(TORCH_PROFILER, TORCH_DISPATCH));
    ModelReference.Hub renewed = new ModelReference.Hub("org/name", snapshot("org/name", "bbb"));
    BatchPlan other = plan(List.of(renewed), List.of(TORCH_DISPATCH));

    assertThat(same.jobs()).extracting(PlannedJob::state).containsExactly(State.RUN, State.DONE);
    assertThat(other.jobs()).extracting(PlannedJob::state).containsExactly(State.RUN);
  }

  @Test
  void aModelThatWasEvictedAfterItsJobsIsNotFetchedAgain() throws IOException {
    Path snapshot = snapshot("org/name", "aaa");
    ModelReference.Hub model = new ModelReference.Hub("org/name", snapshot);
    succeed(TestJobs.of(model, TORCH_DISPATCH, outputs()));
    Files.delete(snapshot.resolve("config.json"));

    ModelReference.Hub absent = new ModelReference.Hub("org/name", directory.resolve("absent"));
    BatchPlan plan = plan(List.of(absent), List.of(TORCH_PROFILER, TORCH_DISPATCH));

    assertThat(plan.jobs())
        .extracting(PlannedJob::state)
        .containsExactly(State.DOWNLOAD, State.DONE);
  }

  @Test
  void aTracerThatDoesNotApplyIsSkippedWithItsReason() {
    ModelReference model = new ModelReference.Type("llama");

    BatchPlan plan =
        BatchPlan.of(request(List.of(model), List.of(TORCH_PROFILER), Layout.NESTED, List.of()));
    assertThat(plan.jobs()).isEmpty();

    Tracer evalOnly =
        Tracer.ALL.stream().filter(t -> !t.modes().contains(Mode.TRAIN)).findFirst().orElseThrow();
    BatchPlan train =
        BatchPlan.of(
            request(List.of(model), List.of(evalOnly), Layout.NESTED, List.of(Mode.TRAIN)));
    assertThat(train.jobs()).extracting(PlannedJob::state).containsExactly(State.SKIPPED);
    assertThat(train.jobs().getFirst().reason()).contains("--mode train");
  }

  @Test
  void twoModelsThatWouldShareADirectoryAreRefused() throws IOException {
    Path one = Files.createDirectories(directory.resolve("a/llama"));
    Path two = Files.createDirectories(directory.resolve("b/llama"));
    List<ModelReference> models =
        List.of(ModelReference.directory(one), ModelReference.directory(two));

    assertThatThrownBy(() -> plan(models, List.of(TORCH_DISPATCH)))
        .hasMessageContaining("would write to");
    assertThatThrownBy(() ->
            BatchPlan.of(
                request(
                    List.of(new ModelReference.Type("a"), new ModelReference.Type("b")),
                    List.of(TORCH_DISPATCH),
                    Layout.FLAT,
                    List.of(Mode.EVAL))))
        .hasMessageContaining("would write to");
  }

  private BatchPlan plan(List<ModelReference> models, List<Tracer> tracers) {
    return BatchPlan.of(request(models, tracers, Layout.NESTED, List.of(Mode.EVAL)));
  }

  private BatchPlan.Request request(
      List<ModelReference> models, List<Tracer> tracers, Layout layout, List<Mode> modes) {
    return new BatchPlan.Request(
        models,
        tracers,
        modes,
        true,
        _ -> TestJobs.settings(TraceSettings.Weights.RANDOM),
        outputs(),
        layout,
        TestJobs.VERSIONS,
        true,
        Map.of());
  }

  private Path outputs() {
    return directory.resolve("outputs");
  }

  private Path snapshot(String name, String revision) throws IOException {
    Path snapshot =
        directory.resolve("hub/models--" + name.replace("/", "--") + "/snapshots/" + revision);
    Files.createDirectories(snapshot);
    Files.writeString(snapshot.resolve("config.json"), "{\"model_type\": \"llama\"}");
    return snapshot;
  }

  private static void succeed(TraceJob job) throws IOException {
    end(job, Outcome.SUCCESS);
  }

  /// What a run of the job leaves, as far as a plan looks at it.
  private static void end(TraceJob job, Outcome outcome) throws IOException {
    Files.createDirectories(job.directory());
    JobStatus status =
        new JobStatus(
            job.tracer().name(),
            "huggingface",
            job.model().label(),
            "cpu",
            "eval",
            Instant.now(),
            job.tracer().version(),
            job.identity(),
            outcome,
            "",
            1,
            1,
            0,
            TestJobs.VERSIONS);
    Files.writeString(
        job.directory()
            .resolve(status.succeeded() ? JobStatus.SUCCESS_FILE : JobStatus.FAILURE_FILE),
        status.toJson().toPrettyString());
    Files.writeString(
        job.directory().resolve("job.json"),
        "{\"model\": {\"kind\": \"hub\", \"path\": \"" + job.model().directory() + "\"}}");
  }
}
