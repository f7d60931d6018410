package dev.kerneltracer.report;

import dev.kerneltracer.analysis.AnalyzedTrace;
import dev.kerneltracer.analysis.ModulePaths;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.StringTable;
import dev.kerneltracer.trace.TraceLinks;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `kernel_events.csv`: a row for every kernel that is selected, in the order of the file.
final class KernelEventsFile implements AutoCloseable {
  private static final List<String> COLUMNS =
      List.of(
          "file",
          "rank",
          "device",
          "stream",
          "start_ns",
          "duration_ns",
          "kernel",
          "group",
          "operator",
          "module",
          "layer",
          "step",
          "phase",
          "source");

  private final CsvFile csv;
  private final KernelNames names;

  KernelEventsFile(Path target, KernelNames names) {
    this.csv = CsvFile.open(target, COLUMNS);
    this.names = names;
  }

  /// What a kernel's name tells, in the form of cells.
  private record Named(CsvFile.Text kernel, CsvFile.Text group, CsvFile.Text source) {}

  void add(AnalyzedTrace analyzed) {
    Events events = analyzed.trace().events();
    StringTable strings = analyzed.trace().strings();
    TraceLinks links = analyzed.links();
    ModulePaths paths = analyzed.modules();
    List<Steps.Row> steps = analyzed.steps().rows();
    TextCells texts = new TextCells(strings);
    @Nullable Named[] named = new Named[strings.size() + 1];
    ModuleCells modules = new ModuleCells(paths);
    CsvFile.Text file = CsvFile.text(analyzed.file());
    CsvFile.Text rank =
        CsvFile.text(
            analyzed.summary().rank().isPresent() ? "" + analyzed.summary().rank().getAsInt() : "");
    for (int i = 0; i < analyzed.rows().kernelCount(); i++) {
      int row = analyzed.rows().kernel(i);
      int nameId = events.nameId(row);
      Named name = named[nameId + 1];
      if (name == null) {
        String text = strings.text(nameId);
        name =
            new Named(
                CsvFile.text(text),
                CsvFile.text(names.group(text)),
                CsvFile.text(names.source(text)));
        named[nameId + 1] = name;
      }
      csv.cell(file)
          .cell(rank)
          .cell(texts.of(events.device(row)))
          .cell(texts.of(events.stream(row)))
          .cell(events.startNs(row))
          .cell(events.durationNs(row))
          .cell(name.kernel)
          .cell(name.group);
      int operator = links.operator(row);
      csv.cell(texts.of(operator < 0 ? -1 : events.nameId(operator)));
      int path = paths.of(links.module(row));
      if (path < 0) {
        csv.empty().empty();
      } else {
        csv.cell(modules.of(path));
        optional(paths.layer(path));
      }
      int step = analyzed.steps().step(row);
      if (step < 0) {
        csv.empty().empty();
      } else {
        csv.cell(steps.get(step).step()).cell(steps.get(step).phase().text());
      }
      csv.cell(name.source).endRow();
    }
  }

  private void optional(int number) {
    if (number < 0) {
      csv.empty();
    } else {
      csv.cell((long) number);
    }
  }

  void finish() {
    csv.finish();
  }

  @Override
  public void close() {
    csv.close();
  }
}
