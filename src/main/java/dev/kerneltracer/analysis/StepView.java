package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The steps of one trace and which rows belong to them.
public final class StepView {
  private final Trace trace;
  private final TraceLinks links;
  private final List<Row> steps = new ArrayList<>();

  /// What a step does.
  public enum Phase {
    PREFILL,
    DECODE,
    MIXED,
    FORWARD,
    UNKNOWN;

    /// As tables have it; empty where unknown.
    public String text() {
      return this == UNKNOWN ? "" : name().toLowerCase(Locale.ROOT);
    }
  }

  /// One step; numbers that the trace does not say are -1.
  public record Row(
      long step,
      Phase phase,
      long startNs,
      long spanNs,
      long busyNs,
      long idleNs,
      long kernels,
      long contextTokens,
      long generationTokens,
      long requests) {}

  StepView(Trace trace, TraceLinks links) {
    this.trace = trace;
    this.links = links;
    for (Phases.Mark mark : Phases.of(trace, links).marks()) {
      steps.add(
          new Row(
              Math.max(0, mark.step()),
              Phase.valueOf(mark.phase().name()),
              mark.startNs(),
              mark.spanNs(),
              mark.busyNs(),
              Math.max(0, mark.spanNs() - mark.busyNs()),
              mark.kernels(),
              mark.tokens(),
              -1,
              mark.batch()));
    }
  }

  public List<Row> rows() {
    return steps;
  }

  /// The index of the step that a row belongs to, device work by its launch; -1 for none.
  public int step(int row) {
    boolean device = trace.events().category(row).isDeviceWork();
    int host = device ? links.launch(row) : row;
    if (host < 0) {
      return -1;
    }
    long start = trace.events().startNs(host);
    for (int i = 0; i < steps.size(); i++) {
      Row step = steps.get(i);
      if (step.startNs <= start && start < step.startNs + step.spanNs) {
        return i;
      }
    }
    return -1;
  }
}
