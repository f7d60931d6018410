package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.MisbehavingModel;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.python.Processes;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Jobs forked from a real warm parent: they do what jobs started anew do, harm neither each other
/// nor the parent, and do not need it once they run.
@Tag("real")
class WarmJobsTest {
  @TempDir Path directory;
  private final List<String> said = new ArrayList<>();
  private Interpreter python;
  private Path probe;
  private JobRunner warm;

  @BeforeEach
  void start() {
    python = RealPython.transformers();
    probe = ProbeFiles.unpack(directory.resolve("cache"));
    warm = new JobRunner(python, probe, Duration.ofMinutes(5), true, said::add);
  }

  @AfterEach
  void end() {
    warm.close();
  }

  @Test
  void aJobThatMisbehavesHarmsNoOtherAndNotTheParent() throws Exception {
    String expected;
    try (JobRunner anew = new JobRunner(python, probe, Duration.ofMinutes(5), false, _ -> {})) {
      expected = counts(run(anew, healthy("anew")));
    }
    assertThat(counts(run(warm, healthy("before")))).isEqualTo(expected);
    long parent = parent();
    long residentBefore = residentKib(parent);

    assertThat(run("segfault").outcome()).isEqualTo(Outcome.CRASHED);
    assertThat(run("exit").outcome()).isEqualTo(Outcome.CRASHED);
    assertThat(run("kill").outcome()).isEqualTo(Outcome.KILLED);
    assertThat(run("patch_torch").outcome()).isEqualTo(Outcome.FAILED);
    JobStatus leaked = run("leak_memory");
    assertThat(leaked.outcome()).isEqualTo(Outcome.SUCCESS);
    assertThat(leaked.peakRssBytes()).isGreaterThan(512L << 20);

    JobResult after = run(warm, healthy("after"));
    assertThat(counts(after)).isEqualTo(expected);
    assertThat(after.status().peakRssBytes()).isLessThan(leaked.peakRssBytes() - (300L << 20));
    assertThat(parent()).isEqualTo(parent);
    assertThat(residentKib(parent)).isLessThan(residentBefore + 20_000);
    assertThat(said).noneMatch(line -> line.contains("a Python of its own"));
  }

  @Test
  void theParentTouchesNoGpuAndHasOneThread() throws Exception {
    run(warm, healthy("first"));
    Path process = Path.of("/proc", String.valueOf(parent()));

    assertThat(entries(process.resolve("task"))).hasSize(1);
    for (Path descriptor : entries(process.resolve("fd"))) {
      assertThat(Files.readSymbolicLink(descriptor).toString())
          .doesNotStartWith("/dev/nvidia")
          .doesNotStartWith("/dev/kfd")
          .doesNotStartWith("/dev/dri");
    }
    // The driver's library is loaded by the first question for a GPU, also where there is none.
    assertThat(Files.readString(process.resolve("maps"))).doesNotContain("libcuda.so");
    assertThat(said).noneMatch(line -> line.contains("a Python of its own"));
  }

  @Test
  void aKilledParentHarmsNoRunningJobAndIsReplaced() throws Exception {
    run(warm, healthy("first"));
    long parent = parent();
    Path started = Files.createDirectory(directory.resolve("started"));
    Thread killer =
        Thread.ofVirtual()
            .start(() -> {
              Path log = started.resolve("local/misbehaving-none/eval/torch_dispatch/job.log");
              assertThat(Processes.tooLate(Duration.ofMinutes(1), () -> Files.exists(log)))
                  .isFalse();
              ProcessHandle.of(parent).orElseThrow().destroyForcibly();
            });

    JobResult during = run(warm, healthy("started"));
    killer.join();
    Processes.assertGone(parent);
    JobResult after = run(warm, healthy("after"));

    assertThat(counts(after)).isEqualTo(counts(during));
    assertThat(parent()).isNotEqualTo(parent);
    assertThat(said).noneMatch(line -> line.contains("a Python of its own"));
  }

  @Test
  void theParentEndsWithTheRunner() throws Exception {
    run(warm, healthy("first"));
    long parent = parent();

    warm.close();

    Processes.assertGone(parent);
  }

  private static JobResult run(JobRunner runner, TraceJob job) {
    return runner.run(job, false, Map.of(), _ -> {});
  }

  private JobStatus run(String misbehaviour) throws IOException {
    return run(warm, job(misbehaviour, "bad")).status();
  }

  private TraceJob healthy(String outputs) throws IOException {
    return job("none", outputs);
  }

  private TraceJob job(String misbehaviour, String outputs) throws IOException {
    Path model = directory.resolve("misbehaving-" + misbehaviour);
    if (!Files.exists(model)) {
      MisbehavingModel.write(directory, misbehaviour);
    }
    return new TraceJob(
        ModelReference.directory(model),
        Tracer.TORCH_DISPATCH,
        Mode.EVAL,
        settings(),
        directory.resolve(outputs),
        python.packages());
  }

  private static TraceSettings settings() {
    return new TraceSettings(
        List.of(),
        false,
        TraceSettings.Weights.RANDOM,
        "auto",
        "cpu",
        1,
        16,
        2,
        null,
        null,
        null,
        null,
        true,
        0,
        1,
        true,
        new TraceSettings.Recording(true, false, false, false, false),
        EngineSettings.DEFAULT);
  }

  private static String counts(JobResult result) throws IOException {
    assertThat(result.status().outcome()).as(result.status().reason()).isEqualTo(Outcome.SUCCESS);
    return Files.readString(result.directory().resolve("torch_dispatch.json"));
  }

  /// The one warm parent among our children.
  private static long parent() {
    return ProcessHandle.current()
        .children()
        .filter(child -> commandLine(child.pid()).contains("--warm"))
        .findFirst()
        .orElseThrow()
        .pid();
  }

  private static String commandLine(long pid) {
    try {
      return Files.readString(Path.of("/proc", String.valueOf(pid), "cmdline"));
    } catch (IOException e) {
      return "";
    }
  }

  private static long residentKib(long pid) throws IOException {
    return Files.readAllLines(Path.of("/proc", String.valueOf(pid), "status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .map(line -> line.replaceAll("\\D", ""))
        .mapToLong(Long::parseLong)
        .findFirst()
        .orElseThrow();
  }

  private static List<Path> entries(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList();
    }
  }
}
