package dev.kerneltracer.sweep;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.FileClaim;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.ProbeEvent;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.python.ProcessEnd;
import dev.kerneltracer.python.TargetProcess;
import dev.kerneltracer.tracer.JobEnd;
import dev.kerneltracer.tracer.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Runs the sizes of a sweep in one engine. A size that has ended well before, with the same model,
/// settings and versions, is not run again; one that was cut off leaves nothing that counts.
public final class SweepRun {
  public static final String LOG = "job.log";
  private static final String SPECIFICATION = "job.json";
  private static final String LOCK = ".lock";

  private final Interpreter python;
  private final Path probe;
  private final SweepSettings settings;
  private final Duration timeout;
  private @Nullable ProbeEvent error;
  private String phase = "starting";

  /// @param probe the directory of the probe's files
  /// @param timeout for the whole sweep
  public SweepRun(Interpreter python, Path probe, SweepSettings settings, Duration timeout) {
    this.python = python;
    this.probe = probe;
    this.settings = settings;
    this.timeout = timeout;
  }

  /// Told how far it is.
  public interface Listener {
    /// What it is doing.
    void phase(String text);

    /// A size has begun.
    ///
    /// @param done how many of the sizes to run have ended
    void begun(SweepSize size, int done, int total);

    /// A line to keep.
    void note(String text);
  }

  /// How a sweep ended.
  ///
  /// @param records of the sizes that have one, in the order of the settings
  /// @param reused how many of them were there before
  /// @param failure why the engine ended early; null where it did not
  public record End(List<SizeRecord> records, int reused, @Nullable String failure) {
    public End {
      records = List.copyOf(records);
    }
  }

  /// Runs what is open.
  ///
  /// @param again run every size, also where it is there
  /// @throws UserException where another sweep is at work in the directory, it cannot be written,
  ///   or the command or the environment is at fault
  /// @throws InterruptedException when this thread was interrupted; the engine is ended by then
  public End run(boolean again, Listener listener) throws InterruptedException {
    Path directory = settings.outputDirectory();
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw AtomicFile.failure(directory, e);
    }
    try (FileClaim _ = claim(directory)) {
      List<SweepSize> open = new ArrayList<>();
      for (SweepSize size : settings.sizes()) {
        SizeRecord earlier = SizeRecord.read(settings.folder(size));
        if (again
            || earlier == null
            || !earlier.isComplete()
            || !earlier.identity().equals(settings.identity(size))) {
          SizeRecord.clear(settings.folder(size));
          open.add(size);
        }
      }
      @Nullable String failure = open.isEmpty() ? null : run(directory, open, listener);
      List<SizeRecord> records = new ArrayList<>();
      for (SweepSize size : settings.sizes()) {
        SizeRecord record = SizeRecord.read(settings.folder(size));
        if (record != null) {
          records.add(record);
        }
      }
      return new End(records, settings.sizes().size() - open.size(), failure);
    } catch (IOException e) {
      throw AtomicFile.failure(directory, e);
    }
  }

  private static FileClaim claim(Path directory) throws IOException {
    Path lock = directory.resolve(LOCK);
    FileClaim claim = FileClaim.tryTake(lock);
    if (claim == null) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "another sweep" + FileClaim.holder(lock) + " is at work in " + directory,
          "Wait for it to end, or choose another --output-dir.");
    }
    return claim;
  }

  private @Nullable String run(Path directory, List<SweepSize> open, Listener listener)
      throws IOException, InterruptedException {
    Path specification = directory.resolve(SPECIFICATION);
    Files.deleteIfExists(directory.resolve(LOG));
    AtomicFile.writeString(specification, settings.specification(open).toPrettyString() + "\n");
    int[] done = {0};
    TargetProcess process =
        TargetProcess.start(
            python.executable(),
            probe,
            List.of(probe.resolve("run_probe.py").toString(), specification.toString()),
            ProbeFiles.environment(python, probe),
            directory.resolve(LOG));
    ProcessEnd ended;
    try {
      ended = process.await(timeout, event -> hear(event, open.size(), done, listener));
    } finally {
      for (SweepSize size : open) {
        if (SizeRecord.read(settings.folder(size)) == null) {
          SizeRecord.clear(settings.folder(size));
        }
      }
    }
    JobEnd end = JobEnd.of(ended, error, phase, timeout);
    if (end.exitCode() != null) {
      throw new UserException(end.exitCode(), end.reason(), "See kerneltracer sweep --help.");
    }
    return end.outcome() == Outcome.SUCCESS ? null : end.reason();
  }

  private void hear(ProbeEvent event, int total, int[] done, Listener listener) {
    switch (event.name()) {
      case "phase" -> {
        phase = event.text("phase");
        listener.phase(phase);
      }
      case "note" -> listener.note(event.text("text"));
      case "size_begun" ->
          listener.begun(
              new SweepSize(
                  event.fields().path("batch").asInt(0), event.fields().path("input").asInt(0)),
              done[0],
              total);
      case "size_ended" -> done[0]++;
      case "error" -> error = event;
      default -> {
        // Events for others.
      }
    }
  }

  /// Makes the tables of all sizes that belong together.
  ///
  /// @throws UserException where there is none
  public SweepTables tables(int inputTokens, Listener listener) {
    String series = settings.series(inputTokens);
    return SweepTables.write(
        settings.tableDirectory(inputTokens),
        folder -> {
          SizeRecord record = SizeRecord.read(folder);
          return record != null && record.series().equals(series);
        },
        listener::phase);
  }
}
