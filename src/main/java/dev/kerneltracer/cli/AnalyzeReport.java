package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.Gaps;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.ModuleTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.Totals;
import dev.kerneltracer.analysis.TraceSummary;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.KernelNames;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.report.Warnings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// What `analyze` prints: how long, how busy, which groups and kernels, which steps, and how far
/// the numbers can be trusted.
final class AnalyzeReport {
  private static final int WIDEST = 140;

  private final Analysis analysis;
  private final KernelTable kernels;
  private final KernelNames names;
  private final List<String> problems;
  private final int top;
  private final @Nullable Path written;
  private final int width;
  private final boolean colour;
  private final StringBuilder out = new StringBuilder();

  /// @param kernels in the order in which they are shown
  /// @param problems inputs that could not be read, in words
  /// @param top rows of each table
  /// @param written where the files are; null where none were asked for
  AnalyzeReport(
      Analysis analysis,
      KernelTable kernels,
      KernelNames names,
      List<String> problems,
      int top,
      @Nullable Path written,
      Terminal terminal) {
    this.analysis = analysis;
    this.kernels = kernels;
    this.names = names;
    this.problems = List.copyOf(problems);
    this.top = top;
    this.written = written;
    this.width = Math.min(terminal.width(), WIDEST);
    this.colour = terminal.hasColour();
  }

  String text() {
    headline();
    if (kernels.rows().isEmpty()) {
      operators();
    } else {
      groups();
      kernels();
    }
    steps();
    idle();
    trust();
    next();
    return out.toString();
  }

  private void line(String text) {
    out.append(ReportText.wrapped(text, width)).append('\n');
  }

  private long sum(ToLongFunction<Totals> value) {
    return analysis.traces().stream().map(TraceSummary::totals).mapToLong(value).sum();
  }

  private void headline() {
    List<TraceSummary> traces = analysis.traces();
    List<String> parts = new ArrayList<>();
    if (traces.size() == 1) {
      parts.add(traces.getFirst().file());
    } else {
      parts.add(Amount.count(traces.size()) + " traces");
    }
    if (!analysis.ranks().isEmpty()) {
      parts.add(
          (analysis.ranks().size() == 1 ? "rank " : "ranks ")
              + String.join(" ", analysis.ranks().stream().map(String::valueOf).toList()));
    }
    TreeSet<String> devices = new TreeSet<>();
    traces.forEach(trace -> devices.addAll(trace.deviceNames()));
    parts.addAll(devices);
    parts.add(Amount.count(sum(Totals::events)) + " events");
    line(String.join(", ", parts) + ".");
    if (!analysis.filter().isEmpty()) {
      line("Only " + analysis.filter().text() + ": everything below is of these alone.");
    }
    times();
  }

  private void times() {
    long span = sum(Totals::spanNs);
    long busy = sum(Totals::busySumNs);
    Map<String, Long> devices = analysis.busyNs();
    boolean several = analysis.traces().size() > 1;
    StringBuilder text = new StringBuilder();
    text.append(several ? "Spans in sum " : "Span ").append(Amount.time(span));
    if (devices.isEmpty()) {
      text.append(", no work on a device.");
    } else {
      long available = 0;
      for (TraceSummary trace : analysis.traces()) {
        available += trace.totals().spanNs() * Math.max(1, trace.totals().busyNs().size());
      }
      text.append(devices.size() == 1 ? ", GPU busy " : ", GPUs busy in sum ")
          .append(Amount.time(busy))
          .append(available == 0 ? "" : " (" + Amount.share((double) busy / available) + ")")
          .append(", ")
          .append(Amount.count(sum(Totals::kernels)))
          .append(" kernels of ")
          .append(Amount.time(sum(Totals::kernelTimeNs)))
          .append(" by ")
          .append(Amount.count(sum(Totals::launches)))
          .append(" launches");
      long copies = sum(Totals::memcpys) + sum(Totals::memsets);
      if (copies > 0) {
        text.append(", ")
            .append(Amount.count(copies))
            .append(" copies and fills of ")
            .append(Amount.time(sum(Totals::memcpyTimeNs) + sum(Totals::memsetTimeNs)));
      }
      text.append('.');
    }
    line(text.toString());
    if (devices.size() > 1) {
      List<String> each = new ArrayList<>();
      devices.forEach((device, ns) -> each.add(device + " " + Amount.time(ns)));
      line("Busy by " + (several ? "rank/device: " : "device: ") + String.join(", ", each) + ".");
    }
  }

  private void groups() {
    Map<String, Long> times = new LinkedHashMap<>();
    for (KernelTable.Row row : kernels.rows()) {
      times.merge(names.group(row.kernel()), row.totalNs(), Long::sum);
    }
    List<String> parts = new ArrayList<>();
    times.entrySet().stream()
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .forEach(group ->
            parts.add(
                ReportText.unbroken(
                    group.getKey()
                        + " "
                        + Amount.share(
                            kernels.totalNs() == 0
                                ? 0
                                : (double) group.getValue() / kernels.totalNs()))));
    line("Groups by kernel time: " + String.join(", ", parts) + ".");
  }

  private void kernels() {
    heading("Kernels", Amount.count(kernels.rows().size()) + " distinct");
    TerminalTable table =
        new TerminalTable(
            Column.text("kernel"),
            Column.fixed("group"),
            Column.number("calls"),
            Column.number("total"),
            Column.number("share"),
            Column.number("average"));
    for (KernelTable.Row row : first(kernels.rows())) {
      table.row(
          row.kernel(),
          names.group(row.kernel()),
          Amount.count(row.calls()),
          Amount.time(row.totalNs()),
          Amount.share(row.share()),
          Amount.time(Math.round(row.averageNs())));
    }
    table(table, kernels.rows().size());
  }

  private void operators() {
    OperatorTable operators = analysis.operators().byOperator();
    long self = operators.rows().stream().mapToLong(OperatorTable.Row::cpuSelfNs).sum();
    if (operators.rows().isEmpty()) {
      return;
    }
    heading(
        "Operators",
        Amount.count(operators.rows().size()) + " distinct, " + Amount.time(self) + " of CPU time");
    TerminalTable table =
        new TerminalTable(
            Column.text("operator"),
            Column.number("calls"),
            Column.number("CPU self"),
            Column.number("share"),
            Column.number("CPU total"));
    for (OperatorTable.Row row : first(operators.rows())) {
      table.row(
          row.operator(),
          Amount.count(row.calls()),
          Amount.time(row.cpuSelfNs()),
          Amount.share(self == 0 ? 0 : (double) row.cpuSelfNs() / self),
          Amount.time(row.cpuTotalNs()));
    }
    table(table, operators.rows().size());
  }

  private void steps() {
    Map<Steps.Phase, List<Steps.Row>> byPhase = new EnumMap<>(Steps.Phase.class);
    int count = 0;
    for (TraceSummary trace : analysis.traces()) {
      for (Steps.Row step : trace.steps()) {
        byPhase.computeIfAbsent(step.phase(), _ -> new ArrayList<>()).add(step);
        count++;
      }
    }
    if (count == 0) {
      return;
    }
    heading("Steps", Amount.count(count) + ", medians of a step");
    boolean gpu = !kernels.rows().isEmpty();
    List<Column> columns =
        new ArrayList<>(
            List.of(Column.fixed("phase"), Column.number("steps"), Column.number("span")));
    if (gpu) {
      columns.addAll(
          List.of(Column.number("GPU busy"), Column.number("idle"), Column.number("kernels")));
    }
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    byPhase.forEach((phase, steps) -> {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  phase.text().isEmpty() ? "other" : phase.text(),
                  Amount.count(steps.size()),
                  Amount.time(median(steps, Steps.Row::spanNs))));
      if (gpu) {
        cells.add(Amount.time(median(steps, Steps.Row::busyNs)));
        cells.add(Amount.time(median(steps, Steps.Row::idleNs)));
        cells.add(Amount.count(median(steps, Steps.Row::kernels)));
      }
      table.row(cells.toArray(String[]::new));
    });
    out.append(table.render(width));
  }

  private static long median(List<Steps.Row> steps, ToLongFunction<Steps.Row> value) {
    long[] values = steps.stream().mapToLong(value).sorted().toArray();
    return values[(values.length - 1) / 2];
  }

  private void idle() {
    long sum = 0;
    for (long ns : analysis.idleNs().values()) {
      sum += ns;
    }
    if (sum == 0) {
      return;
    }
    long all = sum;
    List<String> parts = new ArrayList<>();
    analysis.idleNs().entrySet().stream()
        .filter(cause -> cause.getValue() > 0)
        .sorted(Map.Entry.<Gaps.Cause, Long>comparingByValue().reversed())
        .forEach(cause ->
            parts.add(
                ReportText.unbroken(
                    cause.getKey().text() + " " + Amount.share((double) cause.getValue() / all))));
    out.append('\n');
    line("Idle between work: " + Amount.time(sum) + ", by cause " + String.join(", ", parts) + ".");
    long exposed = analysis.communication().exposedNs();
    if (exposed > 0) {
      line("Communication not hidden behind other kernels: " + Amount.time(exposed) + ".");
    }
  }

  private void trust() {
    boolean complete =
        problems.isEmpty()
            && analysis.traces().stream().allMatch(trace -> trace.trust().complete());
    long count = sum(Totals::kernels);
    StringBuilder text = new StringBuilder();
    text.append(complete ? "complete" : "incomplete").append("; kernels joined to ");
    if (count > 0) {
      text.append(
          String.join(
              ", ",
              List.of(
                  "a launch " + joined(sum(Totals::kernelsJoinedToLaunch), count),
                  "an operator " + joined(sum(Totals::kernelsJoinedToOperator), count),
                  "a module " + joined(sum(Totals::kernelsJoinedToModule), count))));
      if (analysis.traces().stream().noneMatch(TraceSummary::hasModules)) {
        text.append(" (no Python functions or module marks recorded)");
      }
    } else {
      text.setLength(text.indexOf(";"));
    }
    out.append('\n');
    if (colour) {
      out.append("\u001b[1mTrust\u001b[0m: ")
          .append(ReportText.wrapped(text + ".", width - "Trust: ".length()))
          .append('\n');
    } else {
      line("Trust: " + text + ".");
    }
    List<String> warnings = Warnings.of(analysis.traces(), problems);
    for (String warning : warnings.subList(0, Math.min(top, warnings.size()))) {
      line("Warning: " + warning + ".");
    }
    if (warnings.size() > top) {
      line("… and " + (warnings.size() - top) + " more warnings (--format json)");
    }
  }

  private static String joined(long joined, long count) {
    return joined == count ? "100 %" : Amount.share(Math.floor(1000.0 * joined / count) / 1000);
  }

  private void next() {
    if (written != null) {
      line("Files: " + written + " (summary.json, kernels.csv, operators.csv, modules.csv …)");
    }
    List<String> ideas = new ArrayList<>();
    if (written == null) {
      ideas.add("all tables as CSV and JSON: add --output-dir DIR");
    }
    if (analysis.filter().isEmpty()) {
      boolean decodes =
          analysis.traces().stream()
              .flatMap(trace -> trace.steps().stream())
              .anyMatch(step -> step.phase() == Steps.Phase.DECODE);
      if (decodes) {
        ideas.add("only the decode steps: add --phase decode");
      } else if (!kernels.rows().isEmpty()) {
        ideas.add("only some kernels: add --kernel 'attn|flash'");
      }
    }
    for (ModuleTable.Row row : first(analysis.modules().rows())) {
      if (written == null && row.deviceNs() > 0) {
        ideas.add("which module costs what: modules.csv in --output-dir");
        break;
      }
    }
    if (!ideas.isEmpty()) {
      line("Next: " + String.join("; ", ideas) + ".");
    }
  }

  private <T> List<T> first(List<T> rows) {
    return rows.subList(0, Math.min(top, rows.size()));
  }

  private void heading(String title, String rest) {
    ReportText.heading(out, title, rest, colour);
  }

  private void table(TerminalTable table, int rows) {
    out.append(table.render(width));
    if (rows > top) {
      out.append("… and ").append(Amount.count(rows - top)).append(" more (--top)\n");
    }
  }
}
