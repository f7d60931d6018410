package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.batch.Slot;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.tracer.Layout;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options of `trace` that say where and how often jobs run, and how models get here.
final class BatchOptions {
  private static final long LONGEST_TIMEOUT_SECONDS = 31_536_000;
  private static final int MOST_JOBS = 512;

  @Option(
      names = {"-j", "--jobs"},
      paramLabel = "N",
      order = 50,
      description =
          "Jobs at once (default: one on each GPU; on a CPU one, for several models one for two"
              + " cores).")
  private @Nullable Integer jobs;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      order = 51,
      description = "For each tracer's process (default: 900, with vllm 1200).")
  private @Nullable Long timeoutSeconds;

  @Option(
      names = "--retries",
      paramLabel = "N",
      defaultValue = "0",
      order = 52,
      description =
          "Try a job again, after all others, where its outcome may change (default:"
              + " ${DEFAULT-VALUE}).")
  private int retries;

  @Option(
      names = "--warm-start",
      negatable = true,
      fallbackValue = "true",
      order = 53,
      description =
          "Fork each tracer's process from one that has imported torch (default: where there are"
              + " several).")
  private @Nullable Boolean warmStart;

  @Option(
      names = "--layout",
      paramLabel = "nested|flat",
      defaultValue = "nested",
      order = 54,
      description =
          "nested: OUTPUT_DIR/org/model/mode/tracer; flat: OUTPUT_DIR/tracer, for one model"
              + " (default: ${DEFAULT-VALUE}).")
  private Layout layout = Layout.NESTED;

  @Option(
      names = {"-n", "--dry-run"},
      order = 55,
      description = "Print what would be done, and do nothing.")
  private boolean dryRun;

  @Option(
      names = "--download",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      order = 60,
      description = "Fetch models that are not in the cache, ahead of their jobs (default: on).")
  private boolean download = true;

  @Option(
      names = "--download-workers",
      paramLabel = "N",
      defaultValue = "4",
      order = 61,
      description = "Files that are fetched at once (default: ${DEFAULT-VALUE}).")
  private int downloadWorkers;

  @Option(
      names = "--download-timeout",
      paramLabel = "SECONDS",
      defaultValue = "3600",
      order = 62,
      description = "For each model (default: ${DEFAULT-VALUE}).")
  private long downloadTimeoutSeconds;

  @Option(
      names = "--download-ahead",
      paramLabel = "N",
      defaultValue = "3",
      order = 63,
      description = "Models fetched whose jobs have not ended (default: ${DEFAULT-VALUE}).")
  private int ahead;

  @Option(
      names = "--evict-after",
      order = 64,
      description =
          "Remove a model from the cache when its jobs have ended, if this command has fetched it.")
  private boolean evictAfter;

  /// @throws UserException where a number makes no sense
  void check() {
    require(jobs == null || (jobs >= 1 && jobs <= MOST_JOBS), "--jobs is from 1 to " + MOST_JOBS);
    require(
        timeoutSeconds == null
            || (timeoutSeconds >= 1 && timeoutSeconds <= LONGEST_TIMEOUT_SECONDS),
        "--timeout is from 1 second to a year (31536000)");
    require(
        downloadTimeoutSeconds >= 1 && downloadTimeoutSeconds <= LONGEST_TIMEOUT_SECONDS,
        "--download-timeout is from 1 second to a year (31536000)");
    require(retries >= 0 && retries <= 100, "--retries is from 0 to 100");
    require(
        downloadWorkers >= 1 && downloadWorkers <= ModelsDownloadCommand.MOST_WORKERS,
        "--download-workers is from 1 to " + ModelsDownloadCommand.MOST_WORKERS);
    require(ahead >= 1, "--download-ahead must be at least 1");
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer trace --help.");
    }
  }

  /// Where the jobs run.
  ///
  /// @param device as `--device` has it
  /// @param gpusPerJob that a job takes together
  /// @param models how many there are: those of one are not put side by side unasked, so that their
  ///   times mean something
  List<Slot> slots(
      String device, int gpusPerJob, long models, long open, Map<String, String> environment) {
    List<String> gpus = device.equals("cpu") ? List.of() : Slot.gpus(environment);
    Machine machine = Machine.here();
    int count =
        jobs != null
            ? jobs
            : models == 1
                ? 1
                : Slot.sensible(gpus, gpusPerJob, machine.cpuCores(), machine.availableBytes());
    int used = Math.clamp(open, 1, count);
    return Slot.of(used, gpus, gpusPerJob, machine.cpuCores(), environment);
  }

  Duration timeout(Framework framework) {
    if (timeoutSeconds != null) {
      return Duration.ofSeconds(timeoutSeconds);
    }
    return Duration.ofSeconds(framework == Framework.VLLM ? 1200 : 900);
  }

  Duration downloadTimeout() {
    return Duration.ofSeconds(downloadTimeoutSeconds);
  }

  boolean warm(long open, Framework framework) {
    boolean wanted = warmStart != null ? warmStart : open > 1;
    return wanted && framework == Framework.TRANSFORMERS;
  }

  int retries() {
    return retries;
  }

  Layout layout() {
    return layout;
  }

  boolean dryRun() {
    return dryRun;
  }

  boolean download() {
    return download;
  }

  int downloadWorkers() {
    return downloadWorkers;
  }

  int ahead() {
    return ahead;
  }

  boolean evictAfter() {
    return evictAfter;
  }
}
