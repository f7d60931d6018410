package dev.kerneltracer.tracer;

import java.util.Map;

/// What a tracer found, as far as it is shown when a command ends. All of it lies in the job's
/// files.
public sealed interface Findings
    permits ProfileFiles.Profile, DispatchCounts, PathFindings, Findings.Summary {
  /// Of a tracer whose files speak for themselves.
  ///
  /// @param text one line
  /// @param numbers the same for machines
  record Summary(String text, Map<String, Long> numbers) implements Findings {
    public Summary {
      numbers = Map.copyOf(numbers);
    }
  }
}
