package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trust;
import java.util.List;
import java.util.OptionalInt;

/// What is kept of a trace when its columns are dropped.
///
/// @param file as the user named it
/// @param rank of the process that was traced, where `distributedInfo` says it
/// @param worldSize how many ranks there were, where `distributedInfo` says it
/// @param deviceNames the models of the devices, each once
/// @param totals of what is selected
/// @param steps the selected ones
/// @param allSteps how many there are without a filter
/// @param idsAreCorrelations see [dev.kerneltracer.trace.TraceLinks#idsAreCorrelations]
/// @param hasModules whether the trace has Python functions
public record TraceSummary(
    String file,
    OptionalInt rank,
    OptionalInt worldSize,
    List<String> deviceNames,
    Trust trust,
    Totals totals,
    List<StepView.Row> steps,
    int allSteps,
    boolean idsAreCorrelations,
    boolean hasModules) {
  public TraceSummary {
    deviceNames = List.copyOf(deviceNames);
    steps = List.copyOf(steps);
  }
}
