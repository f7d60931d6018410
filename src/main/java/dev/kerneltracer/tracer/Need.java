package dev.kerneltracer.tracer;

/// What a tracer cannot do without. Where it is missing, the tracer is skipped with that as the
/// reason: it has not failed.
public enum Need {
  /// A compiler for what torch.compile generates.
  COMPILER("a C++ compiler, or Triton on a GPU"),
  GPU("a GPU"),
  /// The model's own Python, layer by layer: nothing compiled, no CUDA graphs.
  EAGER("eager mode");

  private final String text;

  Need(String text) {
    this.text = text;
  }

  public String text() {
    return text;
  }
}
