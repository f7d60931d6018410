package dev.kerneltracer.tracer;

import java.util.Locale;

/// What a model is run for while it is traced.
public enum Mode {
  /// Generation, or an encoder's forward pass.
  EVAL,
  /// Loss, backward and an optimizer step.
  TRAIN;

  /// The name as options, files and directories spell it.
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
