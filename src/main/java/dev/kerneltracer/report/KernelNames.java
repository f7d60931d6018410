package dev.kerneltracer.report;

import dev.kerneltracer.analysis.KernelGroups;
import dev.kerneltracer.analysis.KernelSources;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What kernels' names tell: their group, and the file that defines them. Each is asked about once.
public final class KernelNames {
  private final Supplier<KernelGroups> groups;
  private final Supplier<KernelSources> index;
  private final Map<String, String> groupOf = new HashMap<>();
  private final Map<String, String> sourceOf = new HashMap<>();
  private final Set<String> kernels = new HashSet<>();
  private @Nullable Map<String, String> process;

  /// Names by these rules.
  ///
  /// @param groups asked for with the first group
  /// @param index loaded when the first source is asked for
  public KernelNames(Supplier<KernelGroups> groups, Supplier<KernelSources> index) {
    this.groups = groups;
    this.index = index;
  }

  /// Which engine ran is told by the names of all kernels of its process.
  void learn(Collection<String> names) {
    if (kernels.addAll(names)) {
      process = null;
      sourceOf.clear();
    }
  }

  /// Such as `attention`; `other` where no rule fits.
  public String group(String kernel) {
    return groupOf.computeIfAbsent(kernel, groups.get()::of);
  }

  /// The source file that defines the kernel; empty where it is not known.
  String source(String kernel) {
    String known = sourceOf.get(kernel);
    if (known == null) {
      KernelSources sources = index.get();
      Map<String, String> projects = process;
      if (projects == null) {
        projects = sources.process(kernels, Map.of());
        process = projects;
      }
      known = sources.of(kernel, projects);
      sourceOf.put(kernel, known);
    }
    return known;
  }
}
