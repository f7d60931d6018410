package dev.kerneltracer.python;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A Python that answered, and what is installed in it.
///
/// @param executable what to run; inside a virtualenv its own `bin/python`
/// @param origin where it was found
/// @param version of Python, as `3.11.7`
/// @param implementation `cpython`, `pypy` …
/// @param makesEnvironments whether it has the modules `venv` and `ensurepip`
/// @param packages version by name, sorted; of those that KernelTracer cares for, and only where
///   the module can be found too. vLLM is `vllm`, whatever its distribution is called.
public record Interpreter(
    Path executable,
    Origin origin,
    String version,
    String implementation,
    boolean makesEnvironments,
    Map<String, String> packages) {

  /// The version of a package, null where it is not installed.
  public @Nullable String versionOf(String name) {
    return packages.get(name);
  }

  /// How to install into this interpreter, for a hint.
  String installCommand(String requirements) {
    return versionOf("pip") == null
        ? "uv pip install --python " + executable + " " + requirements
        : executable + " -m pip install " + requirements;
  }
}
