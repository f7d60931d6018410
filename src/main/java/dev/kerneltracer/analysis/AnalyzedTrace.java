package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;

/// One trace while its columns are in memory: what tables of single events are written from.
///
/// @param rows what is selected
/// @param gaps of whole devices; those that are selected end with selected work
/// @param path of all steps
/// @param memory of the whole trace
/// @param modules the module paths met so far
public record AnalyzedTrace(
    TraceSummary summary,
    Trace trace,
    TraceLinks links,
    SelectedRows rows,
    Steps steps,
    Gaps gaps,
    CriticalPath path,
    MemoryTable memory,
    ModulePaths modules) {

  public String file() {
    return summary.file();
  }

  /// The distinct names of the selected kernels.
  public Set<String> kernelNames() {
    BitSet ids = new BitSet();
    for (int i = 0; i < rows.kernelCount(); i++) {
      ids.set(trace.events().nameId(rows.kernel(i)) + 1);
    }
    Set<String> names = new HashSet<>();
    ids.stream().forEach(id -> names.add(trace.strings().text(id - 1)));
    return names;
  }

  /// Whether a step is selected.
  ///
  /// @param step its index among [Steps#rows]
  public boolean hasStep(int step) {
    return summary.selectedSteps().get(step);
  }
}
