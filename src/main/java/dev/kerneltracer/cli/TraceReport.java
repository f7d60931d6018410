package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.trace.Trust;
import dev.kerneltracer.tracer.DispatchCounts;
import dev.kerneltracer.tracer.Findings;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobStatus;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.PathFindings;
import dev.kerneltracer.tracer.ProfileFiles;
import dev.kerneltracer.tracer.TraceFiles;
import dev.kerneltracer.tracer.TraceSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What `trace` prints at its end: the heaviest operators and kernels, the steps, how every tracer
/// ended and where its files are.
final class TraceReport {
  private final TraceResults results;
  private final TraceSettings settings;
  private final ProfileFiles.@Nullable Profile profile;

  TraceReport(TraceResults results) {
    this.results = results;
    this.settings = results.settings();
    this.profile = results.profile();
  }

  String text(Terminal terminal) {
    int width = Math.min(terminal.width(), 140);
    boolean colour = terminal.hasColour();
    StringBuilder out = new StringBuilder();
    out.append(ReportText.wrapped(headline(), width)).append("\n");
    List<String> modes = results.modes();
    for (String mode : modes) {
      if (modes.size() > 1) {
        ReportText.heading(out, "Mode " + mode, "", colour);
      }
      findings(out, results.of(mode), width, colour);
    }
    jobs(out, width, colour);
    out.append(String.format(Locale.ROOT, "%nTook %.1f s.", results.seconds()));
    next(out, width);
    return out.toString();
  }

  /// What the tracers found in one mode.
  private void findings(StringBuilder out, TraceResults found, int width, boolean colour) {
    ProfileFiles.Profile profiled = found.profile();
    if (profiled != null) {
      operators(out, profiled, width, colour);
      kernels(out, profiled, width, colour);
      steps(out, profiled, width, colour);
      trust(out, profiled, width);
    }
    DispatchCounts dispatched = found.dispatched();
    if (dispatched != null) {
      dispatch(out, dispatched, profiled != null, width, colour);
    }
    PathFindings path = found.path();
    if (path != null) {
      out.append(PathReport.text(path, results.pathFilter(), width, colour));
    }
    for (JobResult result : found.jobs()) {
      if (result.findings() instanceof Findings.Summary summary) {
        String line = result.status().tracer() + ": " + summary.text();
        out.append('\n').append(ReportText.wrapped(line, width)).append('\n');
      }
    }
  }

  private String headline() {
    List<String> parts = new ArrayList<>();
    String run = "generate";
    parts.add(results.model().label());
    for (JobResult result : results.jobs()) {
      Map<String, JsonNode> built = result.model();
      if (!built.isEmpty()) {
        parts.add(text(built, "model_class"));
        parts.add(Amount.parameters(number(built, "parameters")) + " parameters");
        parts.add(text(built, "dtype"));
        run = text(built, "run");
        break;
      }
    }
    parts.add("on " + results.jobs().getFirst().status().device());
    parts.add("batch " + settings.batch());
    parts.add(
        settings.prompt() == null ? settings.promptTokens() + " prompt tokens" : "a text prompt");
    String training = "one step of training";
    parts.add(
        switch (run) {
          case "forward" -> "one forward pass";
          case "train" -> training;
          default -> settings.newTokens() + " new tokens";
        });
    if (results.modes().size() > 1) {
      parts.add(training);
    }
    return String.join(", ", parts) + ".";
  }

  private void operators(
      StringBuilder out, ProfileFiles.Profile profile, int width, boolean colour) {
    OperatorTable byOperator = profile.operators().byOperator();
    long calls = profile.totals().operatorCalls();
    long self = 0;
    for (OperatorTable.Row row : byOperator.rows()) {
      self += row.cpuSelfNs();
    }
    boolean gpu = profile.totals().kernels() > 0;
    ReportText.heading(
        out,
        "Operators",
        Amount.count(byOperator.rows().size())
            + " in "
            + Amount.count(calls)
            + " calls, "
            + Amount.time(self)
            + " of CPU time",
        colour);
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.text("operator"),
                Column.number("calls"),
                Column.number("CPU self"),
                Column.number("share"),
                Column.number("CPU total")));
    if (gpu) {
      columns.add(Column.number("GPU time"));
      columns.add(Column.number("kernels"));
    }
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    for (OperatorTable.Row row : results.first(byOperator.rows())) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  row.operator(),
                  Amount.count(row.calls()),
                  Amount.time(row.cpuSelfNs()),
                  Amount.share(self == 0 ? 0 : (double) row.cpuSelfNs() / self),
                  Amount.time(row.cpuTotalNs())));
      if (gpu) {
        cells.add(row.deviceSelfNs() == 0 ? "" : Amount.time(row.deviceSelfNs()));
        cells.add(row.kernels() == 0 ? "" : Amount.count(row.kernels()));
      }
      table.row(cells.toArray(String[]::new));
    }
    out.append(table.render(width));
    more(out, byOperator.rows().size());
  }

  private void kernels(StringBuilder out, ProfileFiles.Profile profile, int width, boolean colour) {
    KernelTable kernels = profile.kernels();
    if (kernels.rows().isEmpty()) {
      return;
    }
    ReportText.heading(
        out,
        "Kernels",
        Amount.count(kernels.rows().size())
            + " in "
            + Amount.count(profile.totals().kernels())
            + " calls, "
            + Amount.time(kernels.totalNs())
            + " of GPU time",
        colour);
    TerminalTable table =
        new TerminalTable(
            Column.text("kernel"),
            Column.number("calls"),
            Column.number("GPU time"),
            Column.number("share"));
    for (KernelTable.Row row : results.first(kernels.rows())) {
      table.row(
          row.kernel(),
          Amount.count(row.calls()),
          Amount.time(row.totalNs()),
          Amount.share(row.share()));
    }
    out.append(table.render(width));
    more(out, kernels.rows().size());
  }

  private static void steps(
      StringBuilder out, ProfileFiles.Profile profile, int width, boolean colour) {
    Map<Steps.Phase, List<Steps.Row>> byPhase = new EnumMap<>(Steps.Phase.class);
    for (Steps.Row step : profile.steps().rows()) {
      byPhase.computeIfAbsent(step.phase(), _ -> new ArrayList<>()).add(step);
    }
    if (byPhase.isEmpty()) {
      return;
    }
    ReportText.heading(out, "Steps", "medians of a step", colour);
    boolean gpu = profile.totals().kernels() > 0;
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.fixed("phase"),
                Column.number("steps"),
                Column.number("time"),
                Column.number("operators")));
    if (gpu) {
      columns.addAll(
          List.of(
              Column.number("kernels"), Column.number("kernel time"), Column.number("GPU busy")));
    }
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    byPhase.forEach((phase, steps) -> {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  phase.text().isEmpty() ? "other" : phase.text(),
                  Amount.count(steps.size()),
                  Amount.time(median(steps, Steps.Row::spanNs)),
                  Amount.count(median(steps, Steps.Row::operatorCalls))));
      if (gpu) {
        cells.add(Amount.count(median(steps, Steps.Row::kernels)));
        cells.add(Amount.time(median(steps, Steps.Row::kernelTimeNs)));
        cells.add(Amount.time(median(steps, Steps.Row::busyNs)));
      }
      table.row(cells.toArray(String[]::new));
    });
    out.append(table.render(width));
  }

  private static void trust(StringBuilder out, ProfileFiles.Profile profile, int width) {
    Trust trust = profile.trust();
    if (!trust.complete()) {
      String damage =
          "Warning: the trace is damaged in "
              + Amount.count(trust.damageCount())
              + " place(s), "
              + Amount.bytes(trust.bytesSkipped())
              + " could not be read; the numbers are of the rest.";
      out.append('\n').append(ReportText.wrapped(damage, width)).append('\n');
    }
    if (trust.unusableTimes() + trust.negativeDurations() > 0) {
      String clocks =
          "Warning: "
              + Amount.count(trust.unusableTimes() + trust.negativeDurations())
              + " events have impossible times.";
      out.append('\n').append(ReportText.wrapped(clocks, width)).append('\n');
    }
  }

  private void dispatch(
      StringBuilder out, DispatchCounts counts, boolean profiled, int width, boolean colour) {
    if (profiled) {
      out.append('\n');
      out.append(
              ReportText.wrapped(
                  "Dispatched to a backend: "
                      + Amount.count(counts.rows().size())
                      + " ATen operators in "
                      + Amount.count(counts.calls())
                      + " calls (torch_dispatch.json).",
                  width))
          .append('\n');
      return;
    }
    ReportText.heading(
        out,
        "ATen operators",
        Amount.count(counts.rows().size()) + " in " + Amount.count(counts.calls()) + " calls",
        colour);
    TerminalTable table =
        new TerminalTable(
            Column.text("operator"), Column.number("calls"), Column.number("distinct inputs"));
    for (DispatchCounts.Row row : results.first(counts.rows())) {
      table.row(row.operator(), Amount.count(row.calls()), Amount.count(row.distinctInputs()));
    }
    out.append(table.render(width));
    more(out, counts.rows().size());
  }

  private void jobs(StringBuilder out, int width, boolean colour) {
    ReportText.heading(out, "Tracers", "", colour);
    TerminalTable table =
        new TerminalTable(
            Column.fixed("tracer"),
            Column.fixed("outcome"),
            Column.number("time"),
            Column.number("memory"),
            // Never shortened: a path is there to be copied.
            Column.fixed("files"));
    for (JobResult result : results.jobs()) {
      JobStatus status = result.status();
      table.row(
          status.tracer(),
          result.skipped() ? "skipped, done before" : status.outcome().text(),
          String.format(Locale.ROOT, "%.1f s", status.durationS()),
          status.peakRssBytes() == 0 ? "" : Amount.bytes(status.peakRssBytes()),
          result.directory().toString());
    }
    out.append(table.render(width));
    for (JobResult result : results.jobs()) {
      if (result.status().outcome() == Outcome.SKIPPED) {
        String line = result.status().tracer() + " was skipped: " + result.status().reason();
        out.append('\n').append(ReportText.wrapped(line, width)).append('\n');
      }
      if (result.status().failed()) {
        out.append('\n');
        out.append(
                ReportText.wrapped(
                    result.status().tracer()
                        + " ended as "
                        + result.status().outcome().text()
                        + ": "
                        + result.status().reason(),
                    width))
            .append('\n');
        out.append("log: ").append(result.directory().resolve("job.log")).append('\n');
      }
    }
  }

  private void next(StringBuilder out, int width) {
    if (results.jobs().stream().allMatch(JobResult::skipped)) {
      out.append(" Nothing was run; --force runs again.");
    }
    out.append('\n');
    List<String> ideas = new ArrayList<>();
    for (JobResult result : results.jobs()) {
      if (result.findings() instanceof ProfileFiles.Profile) {
        Path trace = TraceFiles.only(result.directory());
        ideas.add("look at it in time: drop " + trace + " on https://ui.perfetto.dev");
      }
    }
    if (profile != null && settings.tiny()) {
      ideas.add("the real size: the same without --tiny (its memory is estimated first)");
    }
    if (profile != null && !settings.recording().withStack()) {
      ideas.add("which Python line and module called it: add --with-stack");
    }
    if (results.path() != null && results.pathFilter().isEmpty()) {
      ideas.add("some modules of the inference path: --layers 0 --module-filter Attention");
    }
    if (!ideas.isEmpty()) {
      out.append("Next:\n");
      for (String idea : ideas) {
        out.append("  ").append(ReportText.wrapped(idea, width - 2)).append('\n');
      }
    }
  }

  private void more(StringBuilder out, int rows) {
    if (rows > results.top()) {
      out.append("… and ").append(rows - results.top()).append(" more (--top)\n");
    }
  }

  private static long median(
      List<Steps.Row> steps, java.util.function.ToLongFunction<Steps.Row> value) {
    long[] values = steps.stream().mapToLong(value).sorted().toArray();
    return values[values.length / 2];
  }

  private static String text(Map<String, JsonNode> built, String name) {
    JsonNode value = built.get(name);
    return value == null ? "" : value.asString("");
  }

  private static long number(Map<String, JsonNode> built, String name) {
    JsonNode value = built.get(name);
    return value == null ? 0 : value.asLong(0);
  }
}
