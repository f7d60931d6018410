package dev.kerneltracer.analysis;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What a model consists of and which of its modules it called, in order: what the probe recorded
/// in `path.json`.
public record InferencePath(List<Part> parts, List<Step> steps, List<Call> calls) {
  public InferencePath {
    parts = List.copyOf(parts);
    steps = List.copyOf(steps);
    calls = List.copyOf(calls);
  }

  /// A module of the model.
  ///
  /// @param module its path, such as `model.layers.3.mlp`; empty for the model itself
  /// @param parameters with those of the modules inside
  /// @param kind what tells it from others of its class, such as `sliding_attention`; else empty
  public record Part(String module, String moduleClass, long parameters, String kind) {}

  /// A step of the run, such as `kerneltracer.decode step=3 batch=1`.
  ///
  /// @param phase `prefill`, `decode` …; empty where the name does not say
  public record Step(String name, String phase) {}

  /// A call of a module.
  ///
  /// @param step an index of [#steps], -1 outside of steps
  /// @param module the path by which it was called
  /// @param inputs such as `f32[1, 16, 64]` or `use_cache=True`
  /// @param dtype of what comes out; empty where no tensor does
  /// @param parent the index among [#calls] of the call around it, -1 for none
  /// @param raised the class of the exception that ended it, null for none
  public record Call(
      int step,
      String module,
      String moduleClass,
      List<String> inputs,
      List<String> outputs,
      String dtype,
      long parameters,
      int parent,
      @Nullable String raised) {
    public Call {
      inputs = List.copyOf(inputs);
      outputs = List.copyOf(outputs);
    }

    /// As rows of traces name the module: its path; the model itself by its class.
    public String label() {
      return module.isEmpty() ? moduleClass : module;
    }
  }

  /// How often the modules of a class were called.
  ///
  /// @param instances how many of them the model has
  /// @param share of all calls
  public record ClassCalls(String moduleClass, long calls, long instances, double share) {}

  /// The classes of modules, most called first; those that are never called last.
  public List<ClassCalls> classes() {
    Map<String, Long> calls = new HashMap<>();
    Map<String, Long> instances = new HashMap<>();
    for (Part part : parts) {
      instances.merge(part.moduleClass, 1L, Long::sum);
      calls.putIfAbsent(part.moduleClass, 0L);
    }
    for (Call call : this.calls) {
      calls.merge(call.moduleClass, 1L, Long::sum);
    }
    long all = this.calls.size();
    return calls.entrySet().stream()
        .map(entry ->
            new ClassCalls(
                entry.getKey(),
                entry.getValue(),
                instances.getOrDefault(entry.getKey(), 0L),
                all == 0 ? 0 : (double) entry.getValue() / all))
        .sorted(
            Comparator.comparingLong(ClassCalls::calls)
                .reversed()
                .thenComparing(ClassCalls::moduleClass))
        .toList();
  }

  /// How often the modules that a path with `*` stands for were called.
  ///
  /// @param modules how many were
  public record ModuleCount(String module, String moduleClass, int modules, long calls) {}

  /// The called modules, alike ones of all layers together, most called first; those of equal
  /// counts as they were first called.
  public List<ModuleCount> mostCalled(ModuleLists lists) {
    Map<String, ModuleCount> counts = new LinkedHashMap<>();
    Set<String> met = new HashSet<>();
    for (Call call : calls) {
      String module = call.module.isEmpty() ? call.moduleClass : lists.generalised(call.module);
      ModuleCount known =
          counts.getOrDefault(module, new ModuleCount(module, call.moduleClass, 0, 0));
      int modules = known.modules + (met.add(call.module) ? 1 : 0);
      counts.put(module, new ModuleCount(module, call.moduleClass, modules, known.calls + 1));
    }
    return counts.values().stream()
        .sorted(Comparator.comparingLong(ModuleCount::calls).reversed())
        .toList();
  }
}
