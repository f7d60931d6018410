package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.CallTree;
import dev.kerneltracer.analysis.InferencePath;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.analysis.StepOperators;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.TracedPath;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.PathFiles;
import dev.kerneltracer.report.PathTree;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.tracer.PathFindings;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// What `trace` prints of an inference path, so that one screen takes a model of many layers: what
/// a token costs, the modules that it goes through, the most called ones, the dearest operators.
final class PathReport {
  private static final int MOST_CALLED = 10;
  private static final int MOST_CLASSES = 6;
  private static final int DEAREST = 8;

  /// Columns below which kernels leave no room for their files.
  private static final int WITH_SOURCES = 120;

  private final PathFindings findings;
  private final TracedPath path;
  private final PathFilter filter;
  private final int width;
  private final boolean colour;
  private final boolean device;
  private final int step;
  private final StringBuilder out = new StringBuilder();

  private PathReport(PathFindings findings, PathFilter filter, int width, boolean colour) {
    this.findings = findings;
    this.path = findings.path();
    this.filter = filter;
    this.width = width;
    this.colour = colour;
    this.device = path.joined().kernels() > 0;
    this.step = path.tokenStep();
  }

  static String text(PathFindings findings, PathFilter filter, int width, boolean colour) {
    return new PathReport(findings, filter, width, colour).text();
  }

  private String text() {
    long modules = path.path().calls().stream().map(InferencePath.Call::module).distinct().count();
    ReportText.heading(
        out,
        "Inference path",
        Amount.count(path.path().calls().size())
            + " calls of "
            + Amount.count(modules)
            + " modules in "
            + path.stepsInWords(),
        colour);
    if (step < 0) {
      line("The trace has no steps: which module costs what is not known.");
      return out.toString();
    }
    StepOperators operators = path.operators(step, filter);
    line(headline(path.operators(step, PathFilter.ALL)));
    if (!filter.isEmpty()) {
      line("Only " + filter.text() + ": the tables below are of these alone.");
    }
    CallTree tree = path.tree(step, filter);
    if (!tree.roots().isEmpty()) {
      out.append('\n').append(new PathTree(tree, PathTree.dtype(tree), device).render(width));
    }
    mostCalled();
    dearest(operators);
    return out.toString();
  }

  private void line(String text) {
    out.append(ReportText.wrapped(text, width)).append('\n');
  }

  private String headline(StepOperators operators) {
    Steps.Row row = path.steps().get(step);
    long calls = operators.rows().stream().mapToLong(StepOperators.Row::calls).sum();
    StringBuilder text = new StringBuilder(path.stepInWords(step));
    text.append(": ").append(Amount.time(row.spanNs())).append(", ");
    text.append(Amount.count(calls)).append(" operators (");
    text.append(Amount.count(row.operatorCalls())).append(" with those that they call)");
    if (device) {
      text.append(", ").append(Amount.count(row.kernels())).append(" kernels of ");
      text.append(Amount.time(row.kernelTimeNs())).append(" on the GPU");
      TracedPath.Joined joined = path.joined();
      text.append("; ")
          .append(Amount.share(joined.share()))
          .append(" of all kernels are launched by a module");
    }
    return text.append('.').toString();
  }

  private void mostCalled() {
    List<InferencePath.ModuleCount> most = path.path().mostCalled(path.lists());
    long all = path.path().calls().size();
    List<String> classes = new ArrayList<>();
    for (InferencePath.ClassCalls row : path.path().classes()) {
      if (row.calls() > 0 && classes.size() < MOST_CLASSES) {
        classes.add(ReportText.unbroken(row.moduleClass() + " " + Amount.share(row.share())));
      }
    }
    ReportText.heading(out, "Most called modules", "", colour);
    line("By class " + String.join(", ", classes) + ".");
    TerminalTable table =
        new TerminalTable(
            Column.text("module"),
            Column.text("class"),
            Column.number("modules"),
            Column.number("calls"),
            Column.number("share"));
    for (InferencePath.ModuleCount row : most.subList(0, Math.min(MOST_CALLED, most.size()))) {
      table.row(
          row.module(),
          row.moduleClass(),
          Amount.count(row.modules()),
          Amount.count(row.calls()),
          Amount.share((double) row.calls() / all));
    }
    out.append(table.render(width));
  }

  private void dearest(StepOperators operators) {
    List<StepOperators.Row> rows = new ArrayList<>(operators.rows());
    long total = rows.stream().mapToLong(this::cost).sum();
    rows.sort(Comparator.comparingLong(this::cost).reversed());
    ReportText.heading(
        out,
        path.isPerToken(step) ? "Per token" : "Per pass",
        "the dearest of "
            + Amount.count(rows.size())
            + " operators in order (per_token.csv), "
            + Amount.time(total)
            + (device ? " of GPU time" : " of CPU time"),
        colour);
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.text("operator"),
                Column.text("module"),
                Column.number("per layer"),
                Column.number("calls"),
                Column.number(device ? "GPU time" : "CPU time"),
                Column.number("share")));
    if (device) {
      columns.add(Column.text("kernel"));
      if (width >= WITH_SOURCES) {
        columns.add(Column.text("source"));
      }
    }
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    for (StepOperators.Row row : rows.subList(0, Math.min(DEAREST, rows.size()))) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  row.operator(),
                  row.module(),
                  row.layers() == 0 ? "" : perLayer(row),
                  Amount.count(row.calls()),
                  Amount.time(cost(row)),
                  total == 0 ? "" : Amount.share((double) cost(row) / total)));
      if (device) {
        cells.add(row.kernels().keySet().stream().findFirst().orElse(""));
        if (width >= WITH_SOURCES) {
          cells.add(PathFiles.sources(row, findings.names()));
        }
      }
      table.row(cells.toArray(String[]::new));
    }
    out.append(table.render(width));
  }

  private static String perLayer(StepOperators.Row row) {
    return row.calls() % row.layers() == 0
        ? Amount.count(row.calls() / row.layers())
        : String.valueOf(Math.round(row.callsPerLayer() * 10) / 10.0);
  }

  private long cost(StepOperators.Row row) {
    return device ? row.deviceNs() : row.cpuNs();
  }
}
