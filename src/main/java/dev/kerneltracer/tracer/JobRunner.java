package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.ProbeEvent;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.python.ProcessEnd;
import dev.kerneltracer.python.TargetProcess;
import dev.kerneltracer.python.WarmStart;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
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
  private final Map<String, String> environment;
  private final @Nullable WarmStart warmStart;

  /// Makes a runner.
  ///
  /// @param python the interpreter that runs the model
  /// @param probe the directory of the probe's files
  /// @param timeout for the whole process of a job
  /// @param warm fork the processes from one that has imported torch, where that can be
  /// @param said told why processes are started anew, where they are
  public JobRunner(
      Interpreter python, Path probe, Duration timeout, boolean warm, Consumer<String> said) {
    this.python = python;
    this.probe = probe;
    this.timeout = timeout;
    this.environment = ProbeFiles.environment(python, probe);
    this.warmStart = warm ? new WarmStart(python.executable(), probe, environment, said) : null;
  }

  /// Runs the job, or skips it where `skip` allows and an equal one has succeeded. An interrupt of
  /// this thread ends the process, and the job as [Outcome#CANCELLED]. Any thread, several at once.
  ///
  /// @param changes added to the process's environment; nothing that the import of torch reads
  /// @param progress takes a line on what the job is doing
  /// @throws UserException where the job's directory is not to be had
  public JobResult run(
      TraceJob job, boolean skip, Map<String, String> changes, Consumer<String> progress) {
    Path directory = job.directory();
    String inapplicable = job.inapplicable(System.getenv());
    if (inapplicable != null) {
      return notRun(job, Outcome.SKIPPED, inapplicable);
    }
    String identity = job.identity();
    try (JobDirectory taken = JobDirectory.take(directory)) {
      JobStatus earlier = JobStatus.readSuccess(directory);
      if (skip && earlier != null && earlier.identity().equals(identity)) {
        Findings findings = job.tracer().results().read(directory);
        return new JobResult(earlier, true, directory, Map.of(), findings, null);
      }
      taken.clear(job.tracer());
      return new Run(job, identity, taken, changes, progress).run();
    } catch (IOException e) {
      throw unwritable(directory, e);
    }
  }

  /// Ends a job that cannot be run, such as one whose model is not to be had.
  ///
  /// @throws UserException where the job's directory is not to be had
  public JobResult refuse(TraceJob job, Outcome outcome, String reason) {
    try (JobDirectory taken = JobDirectory.take(job.directory())) {
      taken.clear(job.tracer());
      JobResult result = notRun(job, outcome, reason);
      result.status().write(job.directory());
      return result;
    } catch (IOException e) {
      throw unwritable(job.directory(), e);
    }
  }

  /// The end of a job that leaves no file.
  public static JobResult notRun(TraceJob job, Outcome outcome, String reason) {
    JobStatus status =
        new JobStatus(
            job.tracer().name(),
            job.tracer().framework(),
            job.model().label(),
            job.settings().device(),
            job.mode().text(),
            Instant.now(),
            job.tracer().version(),
            "",
            outcome,
            reason,
            0,
            0,
            0,
            job.versions());
    return new JobResult(status, false, job.directory(), Map.of(), null, null);
  }

  private static UserException unwritable(Path directory, IOException e) {
    return new UserException(
        ExitCode.JOBS_FAILED,
        "cannot write to " + directory + ": " + AtomicFile.reason(e),
        "Free some space, or choose an --output-dir you may write to.",
        e);
  }

  @Override
  public void close() {
    if (warmStart != null) {
      warmStart.close();
    }
  }

  /// One job on its way: what its events said so far.
  private final class Run {
    private final TraceJob job;
    private final String identity;
    private final JobDirectory taken;
    private final Path directory;
    private final Map<String, String> changes;
    private final Consumer<String> progress;
    private long started = System.nanoTime();
    private final Map<String, JsonNode> model = new LinkedHashMap<>();
    private final Map<String, String> versions = new TreeMap<>();
    private String phase = "starting";
    private String device;
    private long peakRssBytes;
    private long peakGpuBytes;
    private @Nullable ProbeEvent error;
    private @Nullable Findings findings;
    private @Nullable UserException fatal;

    Run(
        TraceJob job,
        String identity,
        JobDirectory taken,
        Map<String, String> changes,
        Consumer<String> progress) {
      this.job = job;
      this.identity = identity;
      this.taken = taken;
      this.directory = job.directory();
      this.changes = changes;
      this.progress = progress;
      this.device = job.settings().device();
    }

    JobResult run() throws IOException {
      String incomplete = incompleteWeights();
      if (incomplete != null) {
        return end(Outcome.INCOMPLETE_MODEL, incomplete);
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

    private @Nullable String incompleteWeights() {
      Path files = job.model().directory();
      if (files == null || job.settings().weights() == TraceSettings.Weights.RANDOM) {
        return null;
      }
      List<String> missing = ModelFiles.missingWeights(files);
      List<String> damaged = missing.isEmpty() ? ModelFiles.damagedWeights(files) : List.of();
      if (missing.isEmpty() && damaged.isEmpty()) {
        return null;
      }
      String mend =
          job.model() instanceof ModelReference.Hub hub
              ? "; mend it: kerneltracer models download " + hub.name()
              : "";
      return missing.isEmpty()
          ? damaged.getFirst() + ", in " + files + (mend.isEmpty() ? "" : mend + " --verify")
          : missing.size()
              + " weight file(s) missing in "
              + files
              + ", the first: "
              + missing.getFirst()
              + mend;
    }

    private TargetProcess start(Path specification) throws InterruptedException {
      List<String> arguments =
          List.of(probe.resolve("run_probe.py").toString(), specification.toString());
      Path log = directory.resolve(JobDirectory.LOG);
      if (warmStart != null && !warmStart.isReady()) {
        progress.accept("importing torch, once for all jobs");
        warmStart.prepare();
        started = System.nanoTime();
      }
      TargetProcess forked = warmStart == null ? null : warmStart.start(arguments, changes, log);
      if (forked != null) {
        return forked;
      }
      Map<String, String> whole = new HashMap<>(environment);
      whole.putAll(changes);
      return TargetProcess.start(python.executable(), probe, arguments, whole, log);
    }

    private void hear(ProbeEvent event) {
      switch (event.name()) {
        case "phase" -> {
          phase = event.text("phase");
          progress.accept(phase);
        }
        case "note" -> progress.accept(event.text("text"));
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
        progress.accept("making the result files");
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
