package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The modules, each by its path as [ModulePaths] has it; most device time first. Empty where the
/// trace has neither Python functions (`with_stack`) nor marks of modules.
public record ModuleTable(List<Row> rows) {
  public ModuleTable {
    rows = List.copyOf(rows);
  }

  /// All calls of one module, without marks those from one place. What is launched in a module
  /// counts for those around it too, so the rows do not add up; those that no other module calls
  /// do.
  ///
  /// @param module such as `LlamaForCausalLM_0.LlamaModel_0.LlamaDecoderLayer_3`
  /// @param moduleClass such as `LlamaDecoderLayer`
  /// @param cpuNs the time of the calls, with all that they call
  /// @param deviceNs the kernels, copies and fills that were launched inside
  /// @param kernelNs the kernels among them
  /// @param kernels how many kernels
  public record Row(
      String module,
      String moduleClass,
      long calls,
      long cpuNs,
      long deviceNs,
      long kernelNs,
      long kernels) {

    private Row plus(Row other) {
      return new Row(
          module,
          moduleClass,
          calls + other.calls,
          cpuNs + other.cpuNs,
          deviceNs + other.deviceNs,
          kernelNs + other.kernelNs,
          kernels + other.kernels);
    }
  }

  static ModuleTable of(Trace trace, TraceLinks links, ModulePaths paths, SelectedRows rows) {
    return new Builder(trace, links, paths).build(rows);
  }

  /// The calls of both.
  ModuleTable plus(ModuleTable other) {
    Map<String, Row> sums = new LinkedHashMap<>();
    for (ModuleTable table : List.of(this, other)) {
      for (Row row : table.rows) {
        sums.merge(row.module, row, Row::plus);
      }
    }
    return sorted(new ArrayList<>(sums.values()));
  }

  private static ModuleTable sorted(List<Row> rows) {
    rows.sort(
        Comparator.comparingLong(Row::deviceNs)
            .thenComparingLong(Row::cpuNs)
            .reversed()
            .thenComparing(Row::module));
    return new ModuleTable(rows);
  }

  private static final class Builder {
    private final Events events;
    private final TraceLinks links;
    private final ModulePaths paths;
    private long[] calls = new long[64];
    private long[] cpu = new long[64];
    private long[] device = new long[64];
    private long[] kernelTime = new long[64];
    private long[] kernels = new long[64];

    Builder(Trace trace, TraceLinks links, ModulePaths paths) {
      this.events = trace.events();
      this.links = links;
      this.paths = paths;
    }

    ModuleTable build(SelectedRows selected) {
      for (int i = 0; i < selected.moduleCount(); i++) {
        int row = selected.module(i);
        int path = path(row);
        calls[path]++;
        cpu[path] += events.durationNs(row);
      }
      for (int i = 0; i < selected.deviceWorkCount(); i++) {
        int row = selected.deviceWork(i);
        int path = path(links.module(row));
        if (path >= 0) {
          device[path] += events.durationNs(row);
          if (events.category(row) == Category.KERNEL) {
            kernelTime[path] += events.durationNs(row);
            kernels[path]++;
          }
        }
      }
      List<Row> rows = new ArrayList<>(paths.size());
      // A path comes after the one around it, so that backwards each is whole when it is passed on.
      for (int path = Math.min(paths.size(), calls.length) - 1; path >= 0; path--) {
        int parent = paths.parent(path);
        if (parent >= 0) {
          device[parent] += device[path];
          kernelTime[parent] += kernelTime[path];
          kernels[parent] += kernels[path];
        }
        if (calls[path] + kernels[path] + device[path] > 0) {
          // The outer call of a module holds the inner one's time already.
          boolean outer = !paths.isWithinItself(path);
          rows.add(
              new Row(
                  paths.text(path),
                  paths.className(path),
                  calls[path],
                  outer ? cpu[path] : 0,
                  outer ? device[path] : 0,
                  outer ? kernelTime[path] : 0,
                  outer ? kernels[path] : 0));
        }
      }
      return sorted(merged(rows));
    }

    /// Marks name a module alike wherever it is called from.
    private static List<Row> merged(List<Row> rows) {
      Map<String, Row> byModule = new LinkedHashMap<>();
      for (Row row : rows) {
        byModule.merge(row.module, row, Row::plus);
      }
      return new ArrayList<>(byModule.values());
    }

    private int path(int row) {
      int path = paths.of(row);
      if (path >= calls.length) {
        int length = Math.max(path + 1, calls.length * 2);
        calls = Arrays.copyOf(calls, length);
        cpu = Arrays.copyOf(cpu, length);
        device = Arrays.copyOf(device, length);
        kernelTime = Arrays.copyOf(kernelTime, length);
        kernels = Arrays.copyOf(kernels, length);
      }
      return path;
    }
  }
}
