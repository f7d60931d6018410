package dev.kerneltracer.cli;

import dev.kerneltracer.batch.BatchPlan;
import dev.kerneltracer.batch.PlannedJob;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.TraceJob;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `trace --dry-run` prints: every model with what is to be done for it.
final class PlanReport {
  private static final int WIDEST = 140;

  private PlanReport() {}

  static String text(BatchPlan plan, Path outputDirectory, Terminal terminal) {
    Map<String, Map<PlannedJob.State, List<String>>> models = new LinkedHashMap<>();
    for (PlannedJob planned : plan.jobs()) {
      TraceJob job = planned.job();
      String tracer =
          job.tracer().name()
              + (job.mode() == Mode.EVAL ? "" : " (" + job.mode().text() + ")")
              + (planned.reason().isEmpty() ? "" : " (" + planned.reason() + ")");
      models
          .computeIfAbsent(job.model().label(), _ -> new LinkedHashMap<>())
          .computeIfAbsent(planned.state(), _ -> new ArrayList<>())
          .add(tracer);
    }
    TerminalTable table =
        new TerminalTable(Column.text("model"), Column.fixed("plan"), Column.text("tracers"));
    models.forEach((model, states) ->
        states.forEach(
            (state, tracers) -> table.row(model, describe(state), String.join(", ", tracers))));
    return table.render(Math.min(terminal.width(), WIDEST))
        + "\n"
        + ReportText.wrapped(headline(plan, outputDirectory), Math.min(terminal.width(), WIDEST))
        + "\n";
  }

  private static String headline(BatchPlan plan, Path outputDirectory) {
    List<String> parts = new ArrayList<>();
    for (PlannedJob.State state : PlannedJob.State.values()) {
      long count = plan.count(state);
      if (count > 0) {
        parts.add(Amount.count(count) + " " + describe(state));
      }
    }
    return Amount.count(plan.jobs().size())
        + " jobs of "
        + Amount.count(plan.models())
        + " models into "
        + outputDirectory
        + ": "
        + String.join(", ", parts)
        + ". Nothing was run (--dry-run).";
  }

  private static String describe(PlannedJob.State state) {
    return switch (state) {
      case RUN -> "run";
      case DOWNLOAD -> "download and run";
      case DONE -> "done before";
      case SKIPPED -> "skipped";
    };
  }

  static String json(BatchPlan plan) {
    ObjectNode root = new JsonMapper().createObjectNode();
    for (PlannedJob.State state : PlannedJob.State.values()) {
      root.put(state.text(), plan.count(state));
    }
    ArrayNode jobs = root.putArray("jobs");
    for (PlannedJob planned : plan.jobs()) {
      TraceJob job = planned.job();
      jobs.addObject()
          .put("model", job.model().label())
          .put("mode", job.mode().text())
          .put("tracer", job.tracer().name())
          .put("plan", planned.state().text())
          .put("reason", planned.reason())
          .put("directory", job.directory().toString());
    }
    return root.toPrettyString() + "\n";
  }
}
