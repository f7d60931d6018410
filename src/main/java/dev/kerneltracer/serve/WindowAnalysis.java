package dev.kerneltracer.serve;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.SecondCore;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.AnalyzedTrace;
import dev.kerneltracer.analysis.Filter;
import dev.kerneltracer.analysis.KernelGroups;
import dev.kerneltracer.analysis.KernelSources;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.TraceSummary;
import dev.kerneltracer.report.AnalysisFiles;
import dev.kerneltracer.report.KernelNames;
import dev.kerneltracer.report.SummaryJson;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// What the traces of a window hold, as `analyze` reads them.
///
/// @param window its name
/// @param traces how many could be read
/// @param phases the steps by phase, of the first rank
/// @param costs the dearest kernels, or the dearest operators where there is no kernel
/// @param ofKernels whether those are kernels
/// @param kernels how many ran
/// @param tables where the tables were written; null where there are none
/// @param problems what could not be read, in words
public record WindowAnalysis(
    String window,
    int traces,
    List<PhaseSteps> phases,
    List<Cost> costs,
    boolean ofKernels,
    long kernels,
    @Nullable Path tables,
    List<String> problems) {
  private static final int MOST_COSTS = 10;
  private static final int TOP = 10;

  public WindowAnalysis {
    phases = List.copyOf(phases);
    costs = List.copyOf(costs);
    problems = List.copyOf(problems);
  }

  /// The steps of one phase; times are medians of a step.
  ///
  /// @param phase `prefill`, `decode`, `mixed`, or empty where a step does not say
  /// @param contextTokens of prompts, in all these steps; 0 where they do not say
  /// @param generationTokens in all these steps
  /// @param requests in a step, the median; -1 where they do not say
  public record PhaseSteps(
      String phase,
      int steps,
      long spanNs,
      long busyNs,
      long idleNs,
      long kernels,
      long contextTokens,
      long generationTokens,
      long requests) {}

  /// A kernel with its time, or an operator with its own time on the CPU.
  ///
  /// @param share of all of them
  public record Cost(String name, long calls, long totalNs, double share) {}

  /// Reads traces and writes their tables.
  ///
  /// @param directory where the tables go
  /// @throws UserException where a table cannot be written
  public static WindowAnalysis of(String window, List<Path> files, Path directory)
      throws InterruptedException {
    List<String> problems = new ArrayList<>();
    if (files.isEmpty()) {
      return none(window, List.of("no trace was written"));
    }
    FutureTask<KernelSources> sources = SecondCore.started(KernelSources::load);
    FutureTask<KernelGroups> groups = SecondCore.started(KernelGroups::load);
    KernelNames names =
        new KernelNames(() -> SecondCore.result(groups), () -> SecondCore.result(sources));
    Analysis analysis = new Analysis(Filter.NONE);
    try (AnalysisFiles tables = new AnalysisFiles(directory, names, files.size() > 1, false)) {
      for (Path file : files) {
        add(file, analysis, tables, problems);
      }
      if (analysis.traces().isEmpty()) {
        return none(window, problems);
      }
      KernelTable kernels = analysis.kernels().sortedBy(KernelTable.Order.TOTAL);
      tables.finish(analysis, kernels, new SummaryJson(analysis, kernels, problems, TOP));
      return new WindowAnalysis(
          window,
          analysis.traces().size(),
          phases(analysis),
          kernels.rows().isEmpty() ? operators(analysis.operators()) : costs(kernels),
          !kernels.rows().isEmpty(),
          kernels.rows().stream().mapToLong(KernelTable.Row::calls).sum(),
          directory,
          problems);
    }
  }

  private static WindowAnalysis none(String window, List<String> problems) {
    return new WindowAnalysis(window, 0, List.of(), List.of(), false, 0, null, problems);
  }

  private static void add(Path file, Analysis analysis, AnalysisFiles tables, List<String> problems)
      throws InterruptedException {
    try {
      Trace trace = TraceReader.read(file);
      AnalyzedTrace analyzed = analysis.add(String.valueOf(file.getFileName()), trace);
      tables.add(analyzed);
    } catch (UserException e) {
      if (e.exitCode() != ExitCode.INPUT_UNREADABLE) {
        throw e;
      }
      problems.add(String.valueOf(e.getMessage()));
    }
  }

  /// How many steps of a worker there are.
  public int steps() {
    return phases.stream().mapToInt(PhaseSteps::steps).sum();
  }

  /// The share of steps that are not of a phase.
  public double shareOfOthers(String phase) {
    int steps = steps();
    int of =
        phases.stream()
            .filter(each -> each.phase().equals(phase))
            .mapToInt(PhaseSteps::steps)
            .sum();
    return steps == 0 ? 0 : (double) (steps - of) / steps;
  }

  private static List<PhaseSteps> phases(Analysis analysis) {
    TraceSummary first = null;
    for (TraceSummary trace : analysis.traces()) {
      if (!trace.steps().isEmpty()
          && (first == null || trace.rank().orElse(0) < first.rank().orElse(0))) {
        first = trace;
      }
    }
    if (first == null) {
      return List.of();
    }
    Map<Steps.Phase, List<Steps.Row>> byPhase = new EnumMap<>(Steps.Phase.class);
    for (Steps.Row step : first.steps()) {
      byPhase.computeIfAbsent(step.phase(), _ -> new ArrayList<>()).add(step);
    }
    List<PhaseSteps> phases = new ArrayList<>();
    byPhase.forEach((phase, steps) ->
        phases.add(
            new PhaseSteps(
                phase.text(),
                steps.size(),
                median(steps, Steps.Row::spanNs),
                median(steps, Steps.Row::busyNs),
                median(steps, Steps.Row::idleNs),
                median(steps, Steps.Row::kernels),
                steps.stream().mapToLong(step -> Math.max(0, step.contextTokens())).sum(),
                steps.stream().mapToLong(step -> Math.max(0, step.generationTokens())).sum(),
                median(steps, Steps.Row::requests))));
    return phases;
  }

  private static long median(List<Steps.Row> steps, ToLongFunction<Steps.Row> of) {
    long[] sorted = steps.stream().mapToLong(of).sorted().toArray();
    return sorted[(sorted.length - 1) / 2];
  }

  private static List<Cost> costs(KernelTable kernels) {
    return kernels.rows().stream()
        .limit(MOST_COSTS)
        .map(row -> new Cost(row.kernel(), row.calls(), row.totalNs(), row.share()))
        .toList();
  }

  private static List<Cost> operators(OperatorTable operators) {
    Map<String, long[]> byName = new HashMap<>();
    long all = 0;
    for (OperatorTable.Row row : operators.rows()) {
      long[] sums = byName.computeIfAbsent(row.operator(), _ -> new long[2]);
      sums[0] += row.calls();
      sums[1] += row.cpuSelfNs();
      all += row.cpuSelfNs();
    }
    List<Cost> costs = new ArrayList<>();
    for (Map.Entry<String, long[]> entry : byName.entrySet()) {
      long[] sums = entry.getValue();
      costs.add(new Cost(entry.getKey(), sums[0], sums[1], all == 0 ? 0 : (double) sums[1] / all));
    }
    costs.sort(Comparator.comparingLong(Cost::totalNs).reversed().thenComparing(Cost::name));
    return costs.subList(0, Math.min(MOST_COSTS, costs.size()));
  }
}
