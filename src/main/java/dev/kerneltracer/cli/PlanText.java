package dev.kerneltracer.cli;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.PlannedRequest;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// What a plan would send, for `load --dry-run`.
final class PlanText {
  private PlanText() {}

  static String of(LoadPlan plan, LoadOptions options, int width) {
    SortedMap<String, List<PlannedRequest>> classes = new TreeMap<>();
    for (PlannedRequest request : plan.requests()) {
      classes.computeIfAbsent(request.requestClass(), _ -> new ArrayList<>()).add(request);
    }
    TerminalTable table =
        new TerminalTable(
            Column.text("class"),
            Column.number("requests"),
            Column.number("share"),
            Column.number("prompt tokens"),
            Column.number("output tokens"));
    classes.forEach((name, of) -> row(table, name, of, plan));
    row(table, "all", plan.requests(), plan);
    String pace =
        switch (plan.pace()) {
          case LoadPlan.Pace.Open _ ->
              "within "
                  + Amount.time(plan.requests().getLast().intendedStartNs())
                  + " by a schedule";
          case LoadPlan.Pace.Closed closed ->
              "at most, " + closed.concurrency() + " at a time for " + options.durationS() + " s";
        };
    return Amount.count(plan.requests().size())
        + " requests "
        + pace
        + ", seed "
        + plan.seed()
        + ", after "
        + plan.warmup().size()
        + " that are not measured.\n"
        + table.render(width);
  }

  private static void row(
      TerminalTable table, String name, List<PlannedRequest> requests, LoadPlan plan) {
    long prompt = requests.stream().mapToLong(PlannedRequest::promptTokens).sum();
    long output = requests.stream().mapToLong(PlannedRequest::outputTokens).sum();
    table.row(
        name,
        Amount.count(requests.size()),
        Amount.share((double) requests.size() / plan.requests().size()),
        prompt < 0 ? "not counted" : Amount.count(prompt),
        Amount.count(output));
  }
}
