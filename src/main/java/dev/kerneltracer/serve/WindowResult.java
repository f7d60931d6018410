package dev.kerneltracer.serve;

import java.nio.file.Path;
import java.util.List;

/// What became of a window.
///
/// @param startedNs when the profiler was on, in nanoseconds since the run's start; -1 for never
/// @param stopAskedNs when it was told to stop; -1 for never
/// @param stoppedNs when it had stopped and written; -1 for never
/// @param steps of the engine meanwhile, as its metrics count them; -1 where they do not
/// @param running requests in the server's batch when it began; -1 where unknown
/// @param outcome how it ended
/// @param problem one line; empty where all is well
/// @param traces what was written meanwhile, where it can be seen from here
public record WindowResult(
    ProfileWindow window,
    long startedNs,
    long stopAskedNs,
    long stoppedNs,
    long steps,
    long running,
    Outcome outcome,
    String problem,
    List<Path> traces) {
  public WindowResult {
    traces = List.copyOf(traces);
  }

  /// How a window can end.
  public enum Outcome {
    RECORDED,
    /// The server was started without a profiler.
    NO_PROFILER,
    /// The profiler did not start.
    NOT_STARTED,
    /// The load had ended before.
    NOT_REACHED,
    /// It did not stop within its time.
    NOT_STOPPED,
    /// The engine or the server died meanwhile.
    ENGINE_DIED;

    public String word() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /// How long the profiler was on.
  public long openNs() {
    return startedNs < 0 || stopAskedNs < 0 ? 0 : stopAskedNs - startedNs;
  }

  /// How long stopping and writing took.
  public long stopNs() {
    return stopAskedNs < 0 || stoppedNs < 0 ? 0 : stoppedNs - stopAskedNs;
  }
}
