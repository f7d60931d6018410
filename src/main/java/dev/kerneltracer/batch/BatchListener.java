package dev.kerneltracer.batch;

import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.TraceJob;

/// Told of a batch on its way, on several threads.
public interface BatchListener {
  void started(TraceJob job);

  /// A job's phase, or what it has to say.
  void said(TraceJob job, String text);

  /// A job has ended.
  ///
  /// @param again it is tried once more, later
  void ended(TraceJob job, JobResult result, boolean again);
}
