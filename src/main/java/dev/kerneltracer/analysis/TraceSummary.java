package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trust;
import java.util.BitSet;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
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
/// @param selectedSteps the selected ones by their index among all
/// @param idleNs the time of the selected gaps by cause, over all devices
/// @param idsAreCorrelations see [dev.kerneltracer.trace.TraceLinks#idsAreCorrelations]
/// @param hasModules whether the trace has Python functions or marks of modules
public record TraceSummary(
    String file,
    OptionalInt rank,
    OptionalInt worldSize,
    List<String> deviceNames,
    Trust trust,
    Totals totals,
    List<Steps.Row> steps,
    int allSteps,
    BitSet selectedSteps,
    Map<Gaps.Cause, Long> idleNs,
    boolean idsAreCorrelations,
    boolean hasModules) {
  public TraceSummary {
    deviceNames = List.copyOf(deviceNames);
    steps = List.copyOf(steps);
    selectedSteps = (BitSet) selectedSteps.clone();
    idleNs = Collections.unmodifiableMap(new EnumMap<>(idleNs));
  }
}
