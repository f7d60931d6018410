package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.Origin;
import dev.kerneltracer.python.ProbeEvent;
import dev.kerneltracer.python.ProcessEnd;
import dev.kerneltracer.python.TargetProcess;
import dev.kerneltracer.python.WarmStart;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Runs jobs, each in a process of its own, and always leaves a status file that says how one
/// ended.
public final class JobRunner implements AutoCloseable {
  private final Interpreter python;
  private final Path probe;
  private final Duration timeout;
  private final Consumer<String> progress;
  private final Map<String, String> environment;
  private final @Nullable WarmStart warmStart;

  /// Makes a runner.
  ///
  /// @param python the interpreter that runs the model
  /// @param probe the directory of the probe's files
  /// @param timeout for the whole process of a job
  /// @param warm fork the processes from one that has imported torch, where that can be
  /// @param progress takes a line on what the job is doing
  public JobRunner(
      Interpreter python, Path probe, Duration timeout, boolean warm, Consumer<String> progress) {
    this.python = python;
    this.probe = probe;
    this.timeout = timeout;
    this.progress = progress;
    this.environment = environment(python, probe);
    this.warmStart = warm ? new WarmStart(python.executable(), probe, environment, progress) : null;
  }

  /// Runs the job, or skips it where `skip` allows and an equal one has succeeded. An interrupt of
  /// this thread ends the process, and the job as [Outcome#CANCELLED].
  ///
  /// @throws UserException where the job's directory is not to be had
  public JobResult run(TraceJob job, boolean skip) {
    Path directory = job.directory();
    String identity = job.identity();
    String inapplicable = inapplicable(job);
    if (inapplicable != null) {
      return skipped(job, identity, inapplicable);
    }
    try (JobDirectory taken = JobDirectory.take(directory)) {
      JobStatus earlier = JobStatus.readSuccess(directory);
      if (skip && earlier != null && earlier.identity().equals(identity)) {
        Findings findings = job.tracer().results().read(directory);
        return new JobResult(earlier, true, directory, Map.of(), findings, null);
      }
      taken.clear(job.tracer());
      return new Run(job, identity, taken).run();
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "cannot write to " + directory + ": " + AtomicFile.reason(e),
          "Free some space, or choose an --output-dir you may write to.",
          e);
    }
  }

  private static Map<String, String> environment(Interpreter python, Path probe) {
    // The managed environment is complete: what else lies on a path could only contradict it.
    Map<String, String> theirs = python.origin() == Origin.MANAGED ? Map.of() : System.getenv();
    String more = theirs.getOrDefault("PYTHONPATH", "");
    return Map.of(
        "PYTHONHOME",
        theirs.getOrDefault("PYTHONHOME", ""),
        "PYTHONPATH",
        more.isEmpty() ? probe.toString() : probe + File.pathSeparator + more,
        "PYTHONUNBUFFERED",
        "1",
        "HF_HUB_OFFLINE",
        "1",
        "TOKENIZERS_PARALLELISM",
        "false");
  }

  @Override
  public void close() {
    if (warmStart != null) {
      warmStart.close();
    }
  }

  /// Why nothing need be started: the tracer does not record this mode, or misses what it needs.
  private @Nullable String inapplicable(TraceJob job) {
    if (!job.tracer().modes().contains(job.mode())) {
      return "does not trace --mode " + job.mode().text();
    }
    for (Need need : job.tracer().needs()) {
      String missing = need.missing(job.settings().device(), python.packages(), System.getenv());
      if (missing != null) {
        return missing;
      }
    }
    return null;
  }

  private static JobResult skipped(TraceJob job, String identity, String reason) {
    JobStatus status =
        new JobStatus(
            job.tracer().name(),
            job.tracer().framework(),
            job.model().label(),
            job.settings().device(),
            job.mode().text(),
            Instant.now(),
            job.tracer().version(),
            identity,
            Outcome.SKIPPED,
            reason,
            0,
            0,
            0,
            job.versions());
    return new JobResult(status, false, job.directory(), Map.of(), null, null);
  }

  /// One job on its way: what its events said so far.
  private final class Run {
    private final TraceJob job;
    private final String identity;
    private final JobDirectory taken;
    private final Path directory;
    private final long started = System.nanoTime();
    private final Map<String, JsonNode> model = new LinkedHashMap<>();
    private final Map<String, String> versions = new TreeMap<>();
    private String phase = "starting";
    private String device;
    private long peakRssBytes;
    private long peakGpuBytes;
    private @Nullable ProbeEvent error;
    private @Nullable Findings findings;
    private @Nullable UserException fatal;

    Run(TraceJob job, String identity, JobDirectory taken) {
      this.job = job;
      this.identity = identity;
      this.taken = taken;
      this.directory = job.directory();
      this.device = job.settings().device();
    }

    JobResult run() throws IOException {
      String missing = missingWeights();
      if (missing != null) {
        return end(Outcome.INCOMPLETE_MODEL, missing);
      }
      Path specification = directory.resolve(JobDirectory.SPECIFICATION);
      AtomicFile.writeString(specification, job.specification().toPrettyString() + "\n");
      ProcessEnd processEnd;
      try {
        processEnd = start(specification).await(timeout, this::hear);
      } catch (InterruptedException e) {
        taken.removePartial();
        return end(Outcome.CANCELLED, "interrupted in phase " + phase);
      }
      taken.removePartial();
      peakRssBytes = Math.max(peakRssBytes, processEnd.peakRssBytes());
      JobEnd ended = JobEnd.of(processEnd, error, phase, timeout);
      if (ended.outcome() == Outcome.SUCCESS) {
        ended = writeResults();
      }
      if (ended.exitCode() != null) {
        fatal = new UserException(ended.exitCode(), ended.reason(), ended.hint());
      }
      return end(ended.outcome(), ended.reason());
    }

    private @Nullable String missingWeights() {
      Path files = job.model().directory();
      if (files == null || job.settings().weights() == TraceSettings.Weights.RANDOM) {
        return null;
      }
      List<String> missing = ModelFiles.missingWeights(files);
      if (missing.isEmpty()) {
        return null;
      }
      return missing.size()
          + " weight file(s) missing in "
          + files
          + ", the first: "
          + missing.getFirst();
    }

    private TargetProcess start(Path specification) throws InterruptedException {
      List<String> arguments =
          List.of(probe.resolve("run_probe.py").toString(), specification.toString());
      Path log = directory.resolve(JobDirectory.LOG);
      TargetProcess forked = warmStart == null ? null : warmStart.start(arguments, Map.of(), log);
      return forked != null
          ? forked
          : TargetProcess.start(python.executable(), probe, arguments, environment, log);
    }

    private void hear(ProbeEvent event) {
      switch (event.name()) {
        case "phase" -> {
          phase = event.text("phase");
          progress.accept(job.tracer().name() + ": " + phase);
        }
        case "note" -> progress.accept(job.tracer().name() + ": " + event.text("text"));
        case "versions" ->
            event
                .fields()
                .path("versions")
                .forEachEntry((name, value) -> {
                  if (value.isString()) {
                    versions.put(name, value.asString());
                  }
                });
        case "device" -> device = event.text("device");
        case "model" -> event.fields().forEachEntry(model::put);
        case "measured" -> {
          peakRssBytes = event.fields().path("peak_rss_bytes").asLong(0);
          peakGpuBytes = event.fields().path("peak_gpu_bytes").asLong(0);
        }
        case "error" -> error = event;
        default -> {
          // Events for others: started, traced, estimate.
        }
      }
    }

    /// Makes the files that are derived from what the probe wrote.
    private JobEnd writeResults() {
      try {
        progress.accept(job.tracer().name() + ": making the result files");
        findings = job.tracer().results().make(directory);
        return JobEnd.SUCCESS;
      } catch (UserException e) {
        return new JobEnd(Outcome.FAILED, String.valueOf(e.getMessage()), null, null);
      }
    }

    private JobResult end(Outcome outcome, String reason) throws IOException {
      JobStatus status =
          new JobStatus(
              job.tracer().name(),
              job.tracer().framework(),
              job.model().label(),
              device,
              job.mode().text(),
              Instant.now(),
              job.tracer().version(),
              identity,
              outcome,
              reason,
              (System.nanoTime() - started) / 1e9,
              peakRssBytes,
              peakGpuBytes,
              versions.isEmpty() ? job.versions() : versions);
      status.write(directory);
      return new JobResult(status, false, directory, model, findings, fatal);
    }
  }
}
