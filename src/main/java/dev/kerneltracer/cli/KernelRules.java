package dev.kerneltracer.cli;

import dev.kerneltracer.report.KernelNames;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The rules that tell kernels' groups and sources.
final class KernelRules {
  private KernelRules() {}

  static KernelNames names(@Nullable Path groups) {
    return new KernelNames(_ -> "other", _ -> "");
  }
}
