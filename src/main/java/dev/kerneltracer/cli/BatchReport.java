package dev.kerneltracer.cli;

import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobStatus;
import dev.kerneltracer.tracer.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `trace` prints at the end for several models: one row a model with the time or the outcome
/// under each tracer, and every failure with its reason and log.
final class BatchReport {
  private static final int MOST_COLUMNS = 8;
  private static final int WIDEST = 140;

  private final List<JobResult> results;
  private final Path outputDirectory;
  private final double seconds;
  private final int top;

  /// @param top rows of models where nothing failed; more are in summary.csv
  BatchReport(List<JobResult> results, Path outputDirectory, double seconds, int top) {
    this.results = results;
    this.outputDirectory = outputDirectory;
    this.seconds = seconds;
    this.top = top;
  }

  String text(Terminal terminal) {
    int width = Math.min(terminal.width(), WIDEST);
    boolean colour = terminal.hasColour();
    StringBuilder out = new StringBuilder();
    models(out, width);
    failures(out, width, colour);
    skips(out, width, colour);
    out.append('\n').append(ReportText.wrapped(headline(), width)).append('\n');
    out.append("Every job: ").append(outputDirectory.resolve("summary.csv")).append('\n');
    return out.toString();
  }

  private String headline() {
    List<String> parts = new ArrayList<>();
    long before = results.stream().filter(JobResult::skipped).count();
    parts.add(Amount.count(count(true) - before) + " succeeded");
    if (before > 0) {
      parts.add(Amount.count(before) + " done before");
    }
    long failed = results.stream().filter(result -> result.status().failed()).count();
    if (failed > 0) {
      parts.add(Amount.count(failed) + " failed");
    }
    long skipped = results.size() - count(true) - failed;
    if (skipped > 0) {
      parts.add(Amount.count(skipped) + " skipped");
    }
    return String.format(
        Locale.ROOT,
        "%s jobs of %s models in %s: %s.",
        Amount.count(results.size()),
        Amount.count(byModel().size()),
        ProgressLine.clock((long) (seconds * 1e9)),
        String.join(", ", parts));
  }

  private long count(boolean succeeded) {
    return results.stream().filter(result -> result.status().succeeded() == succeeded).count();
  }

  private void models(StringBuilder out, int width) {
    Set<String> tracers = new LinkedHashSet<>();
    results.forEach(result -> tracers.add(column(result.status())));
    boolean grid = tracers.size() <= MOST_COLUMNS;
    List<String> names = grid ? List.copyOf(tracers) : List.of("succeeded", "failed", "skipped");
    List<Column> columns = new ArrayList<>(List.of(Column.text("model")));
    names.forEach(name -> columns.add(Column.number(name)));
    columns.add(Column.number("memory"));
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    int quiet = 0;
    for (Map.Entry<String, List<JobResult>> model : byModel().entrySet()) {
      boolean failed = model.getValue().stream().anyMatch(result -> result.status().failed());
      if (!failed && ++quiet > top) {
        continue;
      }
      List<String> cells = new ArrayList<>(List.of(model.getKey()));
      cells.addAll(grid ? cells(model.getValue(), tracers) : counts(model.getValue()));
      long memory =
          model.getValue().stream().mapToLong(r -> r.status().peakRssBytes()).max().orElse(0);
      cells.add(memory == 0 ? "" : Amount.bytes(memory));
      table.row(cells.toArray(String[]::new));
    }
    out.append(table.render(width));
    if (quiet > top) {
      out.append("… and ").append(quiet - top).append(" more without a failure (--top)\n");
    }
  }

  private static List<String> cells(List<JobResult> results, Set<String> tracers) {
    Map<String, String> byTracer = new LinkedHashMap<>();
    for (JobResult result : results) {
      JobStatus status = result.status();
      byTracer.put(
          column(status),
          result.skipped()
              ? "done before"
              : status.succeeded()
                  ? String.format(Locale.ROOT, "%.1f s", status.durationS())
                  : status.outcome().text());
    }
    return tracers.stream().map(name -> byTracer.getOrDefault(name, "")).toList();
  }

  private static List<String> counts(List<JobResult> results) {
    long succeeded = results.stream().filter(result -> result.status().succeeded()).count();
    long failed = results.stream().filter(result -> result.status().failed()).count();
    return List.of(
        Amount.count(succeeded),
        Amount.count(failed),
        Amount.count(results.size() - succeeded - failed));
  }

  private void failures(StringBuilder out, int width, boolean colour) {
    List<JobResult> failed = results.stream().filter(result -> result.status().failed()).toList();
    if (failed.isEmpty()) {
      return;
    }
    ReportText.heading(out, "Failures", Amount.count(failed.size()), colour);
    for (JobResult result : failed) {
      JobStatus status = result.status();
      String what =
          status.model()
              + " "
              + column(status)
              + " "
              + status.outcome().text()
              + ": "
              + status.reason();
      out.append(ReportText.wrapped(what, width)).append('\n');
      out.append("  log: ").append(result.directory().resolve("job.log")).append('\n');
    }
  }

  /// Why tracers were left out, each reason once.
  private void skips(StringBuilder out, int width, boolean colour) {
    Map<String, Integer> reasons = new LinkedHashMap<>();
    for (JobResult result : results) {
      if (result.status().outcome() == Outcome.SKIPPED) {
        reasons.merge(column(result.status()) + " " + result.status().reason(), 1, Integer::sum);
      }
    }
    if (reasons.isEmpty()) {
      return;
    }
    ReportText.heading(out, "Skipped", "", colour);
    reasons.forEach((reason, count) ->
        out.append(ReportText.wrapped(reason + " (" + count + " models)", width)).append('\n'));
  }

  private Map<String, List<JobResult>> byModel() {
    Map<String, List<JobResult>> models = new LinkedHashMap<>();
    for (JobResult result : results) {
      models.computeIfAbsent(result.status().model(), _ -> new ArrayList<>()).add(result);
    }
    return models;
  }

  private static String column(JobStatus status) {
    return status.tracer() + (status.mode().equals("eval") ? "" : " (" + status.mode() + ")");
  }

  String json() {
    ObjectNode root = new JsonMapper().createObjectNode();
    root.put("models", byModel().size());
    root.put("duration_s", Math.round(seconds * 1000) / 1000.0);
    root.put("succeeded", count(true));
    root.put("failed", results.stream().filter(result -> result.status().failed()).count());
    ArrayNode jobs = root.putArray("jobs");
    for (JobResult result : results) {
      ObjectNode job = result.status().toJson();
      job.put("skipped", result.skipped());
      job.put("directory", result.directory().toString());
      jobs.add(job);
    }
    return root.toPrettyString();
  }
}
