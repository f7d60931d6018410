package dev.kerneltracer.report;

import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/// What kernels' names tell; each name is asked about once.
public final class KernelNames {
  private final UnaryOperator<String> groupRules;
  private final UnaryOperator<String> sourceIndex;
  private final Map<String, String> groups = new HashMap<>();
  private final Map<String, String> sources = new HashMap<>();

  /// Names by these rules.
  ///
  /// @param groupRules from a kernel's name to its group
  /// @param sourceIndex from a kernel's name to the file that defines it, empty where unknown
  public KernelNames(UnaryOperator<String> groupRules, UnaryOperator<String> sourceIndex) {
    this.groupRules = groupRules;
    this.sourceIndex = sourceIndex;
  }

  /// Such as `attention`; `other` where no rule fits.
  public String group(String kernel) {
    return groups.computeIfAbsent(kernel, groupRules);
  }

  /// The source file that defines the kernel; empty where it is not known.
  public String source(String kernel) {
    return sources.computeIfAbsent(kernel, sourceIndex);
  }
}
