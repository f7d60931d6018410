package dev.kerneltracer.sweep;

import dev.kerneltracer.analysis.Steps;
import java.util.Locale;

/// What the requests of a batch do together.
public enum SweepPhase {
  DECODE(Steps.Phase.DECODE),
  PREFILL(Steps.Phase.PREFILL);

  private final Steps.Phase step;

  SweepPhase(Steps.Phase step) {
    this.step = step;
  }

  Steps.Phase step() {
    return step;
  }

  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
