package dev.kerneltracer.cli;

import dev.kerneltracer.load.ClassMetrics;
import dev.kerneltracer.load.Distribution;
import dev.kerneltracer.load.Distribution.Statistic;
import dev.kerneltracer.load.Goal;
import dev.kerneltracer.load.GoalSearch;
import dev.kerneltracer.load.LoadMetrics;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/// What a load run measured, for a person: it fits a screen.
final class LoadReport {
  private static final int MOST_CLASSES = 8;

  private LoadReport() {}

  /// One run.
  static String text(LoadMetrics metrics, Goal goal, int width) {
    StringBuilder out = new StringBuilder();
    ClassMetrics whole = metrics.whole();
    out.append(
        metrics.interrupted()
            ? "Interrupted after "
                + Amount.time(whole.spanNs())
                + ": "
                + Amount.count(whole.sent())
                + " of "
                + Amount.count(metrics.planned())
                + " planned requests sent, what was under way counts as cut.\n"
            : "");
    out.append(Amount.count(whole.sent()))
        .append(" requests in ")
        .append(Amount.time(whole.spanNs()))
        .append(", ")
        .append(Amount.share(whole.successShare()))
        .append(" completed");
    if (!whole.failed().isEmpty()) {
      out.append(
          whole.failed().entrySet().stream()
              .map(entry -> entry.getKey() + " " + Amount.count(entry.getValue()))
              .collect(Collectors.joining(", ", " (", ")")));
    }
    out.append(".\n")
        .append(Amount.decimal(whole.requestsPerS(), 2))
        .append(" requests/s, ")
        .append(Amount.decimal(whole.tokensPerS(), 1))
        .append(" tokens/s generated, ")
        .append(Amount.decimal(whole.totalTokensPerS(), 1))
        .append(" with prompts.\n\n");
    classes(out, metrics, width);
    latencies(out, whole, width);
    if (!goal.isNone()) {
      goal(out, metrics, goal);
    }
    out.append(
        metrics.isTrustworthy()
            ? ""
            : "\nNot to be trusted: " + String.join("; ", metrics.doubts()) + ".\n");
    return out.toString();
  }

  private static void classes(StringBuilder out, LoadMetrics metrics, int width) {
    TerminalTable table =
        new TerminalTable(
            Column.text("class"),
            Column.number("sent"),
            Column.number("failed"),
            Column.number("tokens/s"),
            Column.number("TTFT p50"),
            Column.number("p99"),
            Column.number("TPOT p50"),
            Column.number("p99"),
            Column.number("end p99"));
    int left = MOST_CLASSES;
    for (String name : metrics.classes().keySet()) {
      if (left-- > 0) {
        row(table, name, Objects.requireNonNull(metrics.classes().get(name)));
      }
    }
    row(table, "all", metrics.whole());
    out.append(table.render(width));
    if (left < 0) {
      out.append(-left).append(" classes more are in metrics.json.\n");
    }
    out.append('\n');
  }

  private static void row(TerminalTable table, String name, ClassMetrics metrics) {
    table.row(
        name,
        Amount.count(metrics.sent()),
        Amount.count(metrics.sent() - metrics.completed()),
        Amount.decimal(metrics.tokensPerS(), 1),
        time(metrics.ttft(), Statistic.P50),
        time(metrics.ttft(), Statistic.P99),
        time(metrics.tpot(), Statistic.P50),
        time(metrics.tpot(), Statistic.P99),
        time(metrics.endToEnd(), Statistic.P99));
  }

  private static void latencies(StringBuilder out, ClassMetrics whole, int width) {
    TerminalTable table =
        new TerminalTable(
            Column.text("from the intended start"),
            Column.number("mean"),
            Column.number("p50"),
            Column.number("p90"),
            Column.number("p95"),
            Column.number("p99"),
            Column.number("max"));
    row(table, "TTFT", whole.ttft());
    row(table, "TTFT from the actual one", whole.ttftFromSend());
    row(table, "TPOT", whole.tpot());
    row(table, "ITL", whole.itl());
    row(table, "end-to-end", whole.endToEnd());
    out.append(table.render(width));
  }

  private static void row(TerminalTable table, String name, Distribution times) {
    table.row(
        name,
        time(times, Statistic.MEAN),
        time(times, Statistic.P50),
        time(times, Statistic.P90),
        time(times, Statistic.P95),
        time(times, Statistic.P99),
        time(times, Statistic.MAX));
  }

  private static String time(Distribution times, Statistic statistic) {
    return times.count() == 0 ? "-" : Amount.time(Math.round(times.valueNs(statistic)));
  }

  private static void goal(StringBuilder out, LoadMetrics metrics, Goal goal) {
    List<Goal.Outcome> outcomes = goal.outcomes(metrics);
    out.append("\nGoal ")
        .append(outcomes.stream().allMatch(Goal.Outcome::met) ? "met: " : "missed: ")
        .append(outcomes.stream().map(LoadReport::outcome).collect(Collectors.joining(", ")))
        .append(".\nGoodput ")
        .append(Amount.decimal(metrics.whole().goodRequestsPerS(), 2))
        .append(" requests/s.\n");
  }

  private static String outcome(Goal.Outcome outcome) {
    String actual =
        Double.isNaN(outcome.actual())
            ? "nothing to measure"
            : outcome.isShare()
                ? Amount.share(outcome.actual())
                : Amount.time(Math.round(outcome.actual()));
    return outcome.text() + (outcome.met() ? " (" : " ✗ (") + actual + ")";
  }

  /// A search: its trials, and the run at the rate that was found.
  static String search(GoalSearch.Found found, Goal goal, int width) {
    TerminalTable table =
        new TerminalTable(
            Column.number("rate"),
            Column.fixed("goal"),
            Column.number("completed"),
            Column.number("requests/s"),
            Column.number("TTFT p99"),
            Column.number("TPOT p99"),
            Column.number("end p99"));
    for (GoalSearch.Tried tried : found.trials()) {
      ClassMetrics whole = tried.metrics().whole();
      table.row(
          Amount.decimal(tried.rate(), 2),
          tried.metrics().interrupted()
              ? "interrupted"
              : tried.met() ? "met" : tried.metrics().isTrustworthy() ? "missed" : "doubtful",
          Amount.share(whole.successShare()),
          Amount.decimal(whole.requestsPerS(), 2),
          time(whole.ttft(), Statistic.P99),
          time(whole.tpot(), Statistic.P99),
          time(whole.endToEnd(), Statistic.P99));
    }
    StringBuilder out = new StringBuilder(table.render(width)).append('\n');
    if (found.best() == null) {
      out.append("No rate meets the goal: ").append(found.why()).append(".\n");
      GoalSearch.Tried last = found.trials().getLast();
      if (!last.metrics().interrupted()) {
        goal(out, last.metrics(), goal);
      }
    } else {
      out.append("The highest rate that meets the goal: ")
          .append(Amount.decimal(found.best().rate(), 2))
          .append(" requests/s (")
          .append(found.why())
          .append(").\n\n")
          .append(text(found.best().metrics(), goal, width));
    }
    return out.toString();
  }
}
