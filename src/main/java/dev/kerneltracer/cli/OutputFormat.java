package dev.kerneltracer.cli;

/// How a command prints its results: for a person, or for a program.
enum OutputFormat {
  TABLE,
  JSON;

  @Override
  public String toString() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
