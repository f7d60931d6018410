package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;

/// One trace while its columns are in memory: what tables of single events are written from.
///
/// @param paths the module paths met so far
public record AnalyzedTrace(
    TraceSummary summary,
    Trace trace,
    TraceLinks links,
    SelectedRows rows,
    StepView stepView,
    ModulePaths paths) {

  public String file() {
    return summary.file();
  }
}
