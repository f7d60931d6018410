package dev.kerneltracer.tracer;

import java.nio.file.Path;
import java.util.Locale;

/// Where below the output directory a job's files lie.
public enum Layout {
  /// `<org>/<model>/<mode>/<tracer>`
  NESTED,
  /// `<tracer>`: for one model in one mode.
  FLAT;

  Path of(TraceJob job) {
    return switch (this) {
      case NESTED ->
          job.model().resultPath().resolve(job.mode().text()).resolve(job.tracer().name());
      case FLAT -> Path.of(job.tracer().name());
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
