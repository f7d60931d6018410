package dev.kerneltracer.tracer;

import java.util.Locale;

/// How a job ended. The names, in lower case, stand in status files and summaries.
public enum Outcome {
  SUCCESS,
  /// A Python exception, or a run refused for a stated reason.
  FAILED,
  TIMEOUT,
  OUT_OF_GPU_MEMORY,
  /// By signal 9: the kernel's OOM killer or somebody.
  KILLED,
  /// By another signal, or an exit that said nothing.
  CRASHED,
  INCOMPLETE_MODEL,
  UNSUPPORTED_MODEL,
  GATED_MODEL,
  CANCELLED,
  /// What the tracer needs is not there, or it does not apply: nothing failed, and no status file
  /// is written.
  SKIPPED;

  /// The name as files spell it, such as `out_of_gpu_memory`.
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// The outcome of that spelling; [#FAILED] for any other.
  static Outcome of(String text) {
    for (Outcome outcome : values()) {
      if (outcome.text().equals(text)) {
        return outcome;
      }
    }
    return FAILED;
  }
}
