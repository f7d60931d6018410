package dev.kerneltracer.report;

import dev.kerneltracer.SecondCore;
import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.AnalyzedTrace;
import dev.kerneltracer.analysis.Communication;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.ModuleTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// The files that `analyze --output-dir` writes. Tables of single events grow with each trace that
/// is added and take their names by [#finish], which writes the others; [#close] without it leaves
/// none of the first kind.
public final class AnalysisFiles implements AutoCloseable {
  private final Path directory;
  private final KernelNames names;
  private final CsvFile steps;
  private final CsvFile gaps;
  private final CsvFile criticalPath;
  private final @Nullable KernelEventsFile kernelEvents;
  private @Nullable CsvFile memory;
  private final boolean manyInputs;
  private final List<Path> written = new ArrayList<>();

  /// Begins the files of single events.
  ///
  /// @param manyInputs whether devices need their rank to tell them apart
  /// @param withKernelEvents whether `kernel_events.csv` is wanted, a row for every kernel
  public AnalysisFiles(
      Path directory, KernelNames names, boolean manyInputs, boolean withKernelEvents) {
    this.directory = directory;
    this.names = names;
    this.manyInputs = manyInputs;
    this.gaps = CsvFile.open(path("gaps.csv"), EventTables.GAPS);
    this.criticalPath = CsvFile.open(path("critical_path.csv"), EventTables.CRITICAL_PATH);
    this.steps =
        CsvFile.open(
            path("steps.csv"),
            List.of(
                "step",
                "phase",
                "start_ns",
                "span_ns",
                "busy_ns",
                "idle_ns",
                "kernels",
                "context_tokens",
                "generation_tokens",
                "requests"));
    this.kernelEvents =
        withKernelEvents ? new KernelEventsFile(path("kernel_events.csv"), names) : null;
  }

  private Path path(String name) {
    Path path = directory.resolve(name);
    written.add(path);
    return path;
  }

  /// Adds the events of a trace, while its columns are in memory, on two cores.
  public void add(AnalyzedTrace trace) throws InterruptedException {
    boolean ranked = manyInputs && trace.summary().rank().isPresent();
    String devicePrefix = ranked ? trace.summary().rank().getAsInt() + "/" : "";
    FutureTask<Void> longest =
        SecondCore.started(() -> {
          new EventTables(trace, devicePrefix).writeCriticalPath(criticalPath);
          if (kernelEvents != null) {
            // Here, since module paths are numbered by one thread at a time.
            names.learn(trace.kernelNames());
            kernelEvents.add(trace);
          }
          return null;
        });
    try {
      addOthers(trace, new EventTables(trace, devicePrefix));
    } finally {
      // Nothing is closed under the hands of the other thread.
      SecondCore.ended(longest);
    }
  }

  private void addOthers(AnalyzedTrace trace, EventTables tables) {
    for (Steps.Row step : trace.summary().steps()) {
      steps
          .cell(step.step())
          .cell(step.phase().text())
          .cell(step.startNs())
          .cell(step.spanNs())
          .cell(step.busyNs())
          .cell(step.idleNs())
          .cell(step.kernels());
      number(steps, step.contextTokens());
      number(steps, step.generationTokens());
      number(steps, step.requests());
      steps.endRow();
    }
    tables.writeGaps(gaps);
    if (trace.memory().size() > 0) {
      if (memory == null) {
        memory = CsvFile.open(path("memory.csv"), EventTables.MEMORY);
      }
      tables.writeMemory(memory);
    }
  }

  private static void number(CsvFile csv, long number) {
    if (number < 0) {
      csv.empty();
    } else {
      csv.cell(number);
    }
  }

  /// Writes the tables of all traces together and gives every file its name.
  ///
  /// @param kernels in the order in which they are written
  /// @return what was written
  public List<Path> finish(Analysis analysis, KernelTable kernels, JsonFile.Content summary)
      throws InterruptedException {
    Path operators = path("operators.csv");
    Path operatorKernels = path("operator_kernels.csv");
    Path modules = path("modules.csv");
    Path communication = path("communication.csv");
    FutureTask<Void> others =
        SecondCore.started(() -> {
          writeOperators(operators, analysis.operators());
          OperatorKernelsFile.write(operatorKernels, analysis.operatorKernels(), true);
          writeModules(modules, analysis.modules(), kernels.totalNs());
          writeCommunication(communication, analysis.communication());
          return null;
        });
    try {
      names.learn(kernels.rows().stream().map(KernelTable.Row::kernel).toList());
      writeKernels(kernels);
      ProfilerReport.write(path("profiler_report.txt"), kernels, names);
    } finally {
      SecondCore.ended(others);
    }
    steps.finish();
    gaps.finish();
    criticalPath.finish();
    if (memory != null) {
      memory.finish();
    }
    if (kernelEvents != null) {
      kernelEvents.finish();
    }
    JsonFile.write(path("summary.json"), summary);
    return List.copyOf(written);
  }

  private void writeKernels(KernelTable kernels) {
    CsvFile.write(
        path("kernels.csv"),
        List.of(
            "kernel",
            "group",
            "calls",
            "total_ns",
            "share",
            "avg_ns",
            "min_ns",
            "p50_ns",
            "max_ns",
            "streams",
            "grid",
            "block",
            "registers",
            "shared_bytes",
            "occupancy_pct",
            "source"),
        csv -> {
          for (KernelTable.Row row : kernels.rows()) {
            csv.cell(row.kernel())
                .cell(names.group(row.kernel()))
                .cell(row.calls())
                .cell(row.totalNs())
                .cell(row.share(), 6)
                .cell(row.averageNs(), 1)
                .cell(row.minNs())
                .cell(row.p50Ns())
                .cell(row.maxNs())
                .cell(String.join(" ", row.streams()))
                .cell(row.launch().grid())
                .cell(row.launch().block());
            if (row.launch().block().isEmpty()) {
              csv.empty().empty();
            } else {
              csv.cell((long) row.launch().registers()).cell((long) row.launch().sharedBytes());
            }
            csv.cell(row.occupancyPercent(), 1).cell(names.source(row.kernel())).endRow();
          }
        });
  }

  private static void writeOperators(Path path, OperatorTable operators) {
    CsvFile.write(
        path,
        List.of(
            "operator",
            "input_shapes",
            "calls",
            "cpu_total_ns",
            "cpu_self_ns",
            "device_ns",
            "kernels"),
        csv -> {
          for (OperatorTable.Row row : operators.rows()) {
            csv.cell(row.operator())
                .cell(row.inputShapes())
                .cell(row.calls())
                .cell(row.cpuTotalNs())
                .cell(row.cpuSelfNs())
                .cell(row.deviceSelfNs())
                .cell(row.kernels())
                .endRow();
          }
        });
  }

  private static void writeModules(Path path, ModuleTable modules, long kernelTimeNs) {
    CsvFile.write(
        path,
        List.of("module", "class", "calls", "cpu_ns", "device_ns", "share", "kernels"),
        csv -> {
          for (ModuleTable.Row row : modules.rows()) {
            csv.cell(row.module())
                .cell(row.moduleClass())
                .cell(row.calls())
                .cell(row.cpuNs())
                .cell(row.deviceNs())
                .cell(kernelTimeNs == 0 ? 0 : (double) row.kernelNs() / kernelTimeNs, 6)
                .cell(row.kernels())
                .endRow();
          }
        });
  }

  private static void writeCommunication(Path path, Communication communication) {
    CsvFile.write(
        path,
        List.of(
            "collective",
            "group",
            "bytes",
            "calls",
            "total_ns",
            "exposed_ns",
            "overlapped_ns",
            "bus_bandwidth_gb_s"),
        csv -> {
          for (Communication.Row row : communication.rows()) {
            csv.cell(row.collective()).cell(row.group());
            number(csv, row.bytes());
            csv.cell(row.calls())
                .cell(row.totalNs())
                .cell(row.exposedNs())
                .cell(row.overlappedNs());
            if (row.busBandwidth() < 0) {
              csv.empty();
            } else {
              csv.cell(row.busBandwidth(), 3);
            }
            csv.endRow();
          }
        });
  }

  /// Removes what is not finished.
  @Override
  public void close() {
    steps.close();
    gaps.close();
    criticalPath.close();
    if (memory != null) {
      memory.close();
    }
    if (kernelEvents != null) {
      kernelEvents.close();
    }
  }
}
