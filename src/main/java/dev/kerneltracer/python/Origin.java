package dev.kerneltracer.python;

/// Where an interpreter was found, in the order in which they are tried.
public enum Origin {
  OPTION("--python"),
  VARIABLE("KERNELTRACER_PYTHON"),
  VIRTUALENV("active virtualenv"),
  CONDA("active conda"),
  PATH("PATH"),
  MANAGED("managed environment");

  private final String label;

  Origin(String label) {
    this.label = label;
  }

  public String label() {
    return label;
  }

  /// Named by the user: where it does not serve, that is an error and nothing else is tried.
  public boolean isExplicit() {
    return this == OPTION || this == VARIABLE;
  }
}
