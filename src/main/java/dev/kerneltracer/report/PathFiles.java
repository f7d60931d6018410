package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.analysis.CallTree;
import dev.kerneltracer.analysis.InferencePath;
import dev.kerneltracer.analysis.KernelGroups;
import dev.kerneltracer.analysis.KernelSources;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.analysis.StepOperators;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.TracedPath;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// The files that are made from an inference path and its trace: `path.txt`, `module_calls.csv`,
/// `per_token.csv`, `profiler_report.txt`.
public final class PathFiles {
  private PathFiles() {}

  /// Names that know which engine ran, by the kernels of the trace.
  public static KernelNames names(TracedPath path) {
    KernelNames names = new KernelNames(KernelGroups::load, KernelSources::load);
    names.learn(path.kernels().rows().stream().map(KernelTable.Row::kernel).toList());
    return names;
  }

  public static void write(Path directory, TracedPath path, KernelNames names) {
    KernelTable kernels = path.kernels();
    writeTree(directory.resolve("path.txt"), path);
    writeClasses(directory.resolve("module_calls.csv"), path.path());
    writeOperators(directory.resolve("per_token.csv"), path, names);
    ProfilerReport.write(directory.resolve("profiler_report.txt"), kernels, names);
  }

  /// The tree of a step of each phase.
  private static void writeTree(Path target, TracedPath path) {
    StringBuilder text = new StringBuilder();
    boolean device = !path.kernels().rows().isEmpty();
    for (Map.Entry<Steps.Phase, Integer> typical : path.typicalSteps().entrySet()) {
      CallTree tree = path.tree(typical.getValue(), PathFilter.ALL);
      long steps = path.steps().stream().filter(step -> step.phase() == typical.getKey()).count();
      text.append(path.name(typical.getValue()))
          .append(steps == 1 ? "" : ", the median of " + Amount.count(steps) + " steps")
          .append('\n')
          .append(new PathTree(tree, PathTree.dtype(tree), device).render(Integer.MAX_VALUE))
          .append('\n');
    }
    if (text.isEmpty()) {
      text.append("The trace has no steps.\n");
    }
    AtomicFile.write(target, to -> to.write(text.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static void writeClasses(Path target, InferencePath path) {
    CsvFile.write(
        target,
        List.of("class", "calls", "instances", "share_of_calls"),
        csv -> {
          for (InferencePath.ClassCalls row : path.classes()) {
            csv.cell(row.moduleClass())
                .cell(row.calls())
                .cell(row.instances())
                .cell(row.share(), 6)
                .endRow();
          }
        });
  }

  private static void writeOperators(Path target, TracedPath path, KernelNames names) {
    int step = path.tokenStep();
    List<StepOperators.Row> rows =
        step < 0 ? List.of() : path.operators(step, PathFilter.ALL).rows();
    CsvFile.write(
        target,
        List.of(
            "position",
            "operator",
            "module",
            "calls_per_layer",
            "calls_per_token",
            "kernels",
            "source",
            "kernel_calls",
            "cpu_ns",
            "device_ns"),
        csv -> {
          long position = 0;
          for (StepOperators.Row row : rows) {
            csv.cell(++position).cell(row.operator()).cell(row.module());
            if (row.layers() == 0) {
              csv.empty();
            } else if (row.calls() % row.layers() == 0) {
              csv.cell(row.calls() / row.layers());
            } else {
              csv.cell(row.callsPerLayer(), 3);
            }
            csv.cell(row.calls())
                .cell(String.join("; ", row.kernels().keySet()))
                .cell(sources(row, names))
                .cell(row.kernelCalls())
                .cell(row.cpuNs())
                .cell(row.deviceNs())
                .endRow();
          }
        });
  }

  /// The file that defines a kernel; empty where it is not known.
  public static String source(String kernel, KernelNames names) {
    return names.source(kernel);
  }

  /// The file of each kernel, in their order; empty where none is known.
  public static String sources(StepOperators.Row row, KernelNames names) {
    List<String> sources = new ArrayList<>();
    row.kernels().keySet().forEach(kernel -> sources.add(names.source(kernel)));
    return sources.stream().allMatch(String::isEmpty) ? "" : String.join("; ", sources);
  }
}
