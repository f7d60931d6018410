package dev.kerneltracer.batch;

import dev.kerneltracer.tracer.JobStatus;
import dev.kerneltracer.tracer.TraceJob;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A job of a batch, and what is known of it before anything has run.
///
/// @param reason why it is skipped; empty otherwise
/// @param earlier the success that stands, where it is done
public record PlannedJob(TraceJob job, State state, String reason, @Nullable JobStatus earlier) {
  /// What the plan says of a job.
  public enum State {
    /// It runs.
    RUN,
    /// It runs once its model has been downloaded.
    DOWNLOAD,
    /// An equal one has succeeded before.
    DONE,
    /// The tracer does not apply, or misses what it needs.
    SKIPPED;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// Whether anything is to be done for it.
  public boolean isOpen() {
    return state == State.RUN || state == State.DOWNLOAD;
  }

  String model() {
    return job.model().label();
  }
}
