package dev.kerneltracer.cli;

import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.serve.ServerState;
import dev.kerneltracer.serve.SlowSeconds;
import dev.kerneltracer.serve.VllmServer;
import dev.kerneltracer.serve.WindowAnalysis;
import dev.kerneltracer.serve.WindowResult;
import java.util.ArrayList;
import java.util.List;

/// What `profile` prints: latencies, what the engine's steps did, and the slowest seconds, on one
/// screen.
final class ProfileReport {
  private static final int WIDEST = 120;
  private static final int MOST_COSTS = 4;

  private final ProfileOutcome outcome;
  private final int width;
  private final StringBuilder out = new StringBuilder();

  ProfileReport(ProfileOutcome outcome, int width) {
    this.outcome = outcome;
    this.width = Math.min(width, WIDEST);
  }

  String text() {
    headline();
    out.append(outcome.loadText());
    windows();
    for (WindowResult window : outcome.windows()) {
      WindowAnalysis analysis = outcome.analyses().get(window.window().name());
      if (analysis != null && analysis.steps() > 0) {
        costs(analysis);
      }
    }
    slow();
    outcome.notes().forEach(note -> line("Note: " + note));
    if (outcome.failure() != null) {
      line("Failed: " + outcome.failure());
    }
    line("Files: " + outcome.directory());
    return out.toString();
  }

  private void line(String text) {
    out.append(ReportText.wrapped(text, width)).append('\n');
  }

  private void headline() {
    VllmServer.Facts facts = outcome.facts();
    if (facts == null) {
      line(outcome.model() + " at " + outcome.url() + ".");
      return;
    }
    line(
        outcome.model()
            + " in vLLM "
            + facts.vllm()
            + " on "
            + facts.device()
            + ", "
            + (facts.cudaGraphs()
                ? "CUDA graphs on"
                : facts.eager() ? "eager" + (outcome.safe() ? " (--safe)" : "") : "no CUDA graphs")
            + ".");
  }

  private void windows() {
    if (outcome.windows().isEmpty()) {
      return;
    }
    TerminalTable table =
        new TerminalTable(
            Column.fixed("window"),
            Column.number("at"),
            Column.number("open"),
            Column.number("stop"),
            Column.fixed("phase"),
            Column.number("steps"),
            Column.number("span"),
            Column.number("busy"),
            Column.number("requests"),
            Column.number("tokens"));
    List<String> problems = new ArrayList<>();
    for (WindowResult window : outcome.windows()) {
      String name = window.window().name();
      WindowAnalysis analysis = outcome.analyses().get(name);
      List<WindowAnalysis.PhaseSteps> phases = analysis == null ? List.of() : analysis.phases();
      String[] times = {
        window.startedNs() < 0 ? "–" : Amount.time(window.startedNs()),
        window.startedNs() < 0 ? "–" : Amount.time(window.openNs()),
        window.stoppedNs() < 0 ? "–" : Amount.time(window.stopNs())
      };
      if (phases.isEmpty()) {
        table.row(name, times[0], times[1], times[2], "–", "0", "–", "–", "–", "–");
      }
      for (int i = 0; i < phases.size(); i++) {
        WindowAnalysis.PhaseSteps steps = phases.get(i);
        boolean first = i == 0;
        table.row(
            first ? name : "",
            first ? times[0] : "",
            first ? times[1] : "",
            first ? times[2] : "",
            phase(steps),
            Amount.count(steps.steps()),
            Amount.time(steps.spanNs()),
            steps.kernels() == 0 ? "–" : Amount.time(steps.busyNs()),
            steps.requests() < 0 ? "–" : Amount.count(steps.requests()),
            Amount.count(steps.contextTokens() + steps.generationTokens()));
      }
      if (window.window().phase() != null && analysis != null && analysis.steps() > 0) {
        problems.add(
            Amount.share(analysis.shareOfOthers(window.window().phase().text()))
                + " of the steps in '"
                + name
                + "' are of another phase.");
      }
      if (!window.problem().isEmpty()) {
        problems.add("Window '" + name + "': " + window.problem() + ".");
      }
    }
    out.append('\n').append(table.render(width));
    problems.forEach(this::line);
  }

  /// An engine that schedules ahead runs steps in which nothing is left to do.
  private static String phase(WindowAnalysis.PhaseSteps steps) {
    if (!steps.phase().isEmpty()) {
      return steps.phase();
    }
    return steps.contextTokens() + steps.generationTokens() == 0 ? "empty" : "other";
  }

  private void costs(WindowAnalysis analysis) {
    List<String> costs = new ArrayList<>();
    for (WindowAnalysis.Cost cost : analysis.costs().stream().limit(MOST_COSTS).toList()) {
      costs.add(shortened(cost.name()) + " " + Amount.share(cost.share()).replace(' ', '\u00a0'));
    }
    line(
        (analysis.ofKernels() ? "Kernels" : "Operators")
            + " of '"
            + analysis.window()
            + "': "
            + String.join(", ", costs).replace('\u00a0', ' ')
            + ".");
  }

  private static String shortened(String name) {
    int most = 40;
    return name.length() <= most ? name : name.substring(0, most - 1) + "…";
  }

  private void slow() {
    if (outcome.slow().isEmpty()) {
      return;
    }
    TerminalTable table =
        new TerminalTable(
            Column.number("slowest second"),
            Column.number("TTFT"),
            Column.number("ITL"),
            Column.number("running"),
            Column.number("waiting"),
            Column.number("KV"),
            Column.text("why"));
    for (SlowSeconds.Row row : outcome.slow()) {
      ServerState server = row.server();
      table.row(
          row.second() + "–" + (row.second() + 1) + " s",
          row.meanFirstNs() < 0 ? "–" : Amount.time(row.meanFirstNs()),
          row.meanGapNs() < 0 ? "–" : Amount.time(row.meanGapNs()),
          server == null ? "–" : count(server.running()),
          server == null ? "–" : count(server.waiting()),
          server == null || Double.isNaN(server.kvUsage()) ? "–" : Amount.share(server.kvUsage()),
          row.cause());
    }
    out.append('\n').append(table.render(width));
  }

  private static String count(double number) {
    return Double.isNaN(number) ? "–" : Amount.count(Math.round(number));
  }
}
