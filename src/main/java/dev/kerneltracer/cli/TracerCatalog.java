package dev.kerneltracer.cli;

import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Need;
import dev.kerneltracer.tracer.Tracer;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `--list-tracers` and `--describe-tracer` print.
final class TracerCatalog {
  private static final JsonMapper JSON = new JsonMapper();

  private TracerCatalog() {}

  static String table(List<Tracer> tracers, Terminal terminal) {
    TerminalTable table =
        new TerminalTable(
            Column.fixed("tracer"),
            Column.fixed("framework"),
            Column.fixed("modes"),
            Column.text("description"),
            Column.text("needs"));
    for (Tracer tracer : tracers) {
      table.row(
          tracer.name(), tracer.framework(), modes(tracer), tracer.description(), needs(tracer));
    }
    return table.render(Math.min(terminal.width(), 140))
        + "\nMore on one: kerneltracer trace --describe-tracer NAME\n";
  }

  static String describe(Tracer tracer, Terminal terminal) {
    int width = Math.min(terminal.width(), 100);
    StringBuilder out = new StringBuilder();
    out.append(ReportText.wrapped(tracer.name() + " (" + tracer.framework() + ")", width))
        .append('\n');
    out.append(ReportText.wrapped(tracer.description() + ".", width)).append('\n');
    if (!tracer.details().isEmpty()) {
      out.append('\n').append(ReportText.wrapped(tracer.details(), width)).append('\n');
    }
    out.append("\nmodes: ").append(modes(tracer)).append('\n');
    out.append("needs: ")
        .append(tracer.needs().isEmpty() ? "nothing more" : needs(tracer))
        .append('\n');
    if (tracer.exclusive() != null) {
      out.append("exclusive: ")
          .append(tracer.exclusive())
          .append(" (no two jobs of this group run at the same time on one device)\n");
    }
    if (!tracer.settings().isEmpty()) {
      out.append("settings: ").append(settings(tracer)).append('\n');
    }
    if (tracer.file() != null) {
      out.append("function: ").append(tracer.file().path()).append('\n');
    }
    out.append("\nFiles:\n");
    TerminalTable files = new TerminalTable(Column.fixed("file"), Column.text("content"));
    for (Tracer.ResultFile file : tracer.files()) {
      files.row(file.name(), file.content());
    }
    out.append(files.render(width));
    out.append("\nExample:\n  kerneltracer trace --model type:qwen3 --tiny");
    if (!tracer.framework().equals("huggingface")) {
      out.append(" --framework ").append(tracer.framework());
    }
    if (!tracer.modes().contains(Mode.EVAL)) {
      out.append(" --mode train");
    }
    if (tracer.file() != null) {
      out.append(" --tracer-path ").append(tracer.file().path().getParent());
    }
    return out.append(" --tracers ").append(tracer.name()).append('\n').toString();
  }

  static String json(List<Tracer> tracers) {
    ObjectNode root = JSON.createObjectNode();
    ArrayNode rows = root.putArray("tracers");
    tracers.forEach(tracer -> rows.add(node(tracer)));
    return root.toPrettyString() + "\n";
  }

  static String json(Tracer tracer) {
    return node(tracer).toPrettyString() + "\n";
  }

  private static ObjectNode node(Tracer tracer) {
    ObjectNode node = JSON.createObjectNode();
    node.put("name", tracer.name());
    node.put("framework", tracer.framework());
    node.put("version", tracer.version());
    ArrayNode modes = node.putArray("modes");
    tracer.modes().forEach(mode -> modes.add(mode.text()));
    ArrayNode needs = node.putArray("needs");
    tracer.needs().forEach(need -> needs.add(need.text()));
    node.put("exclusive", tracer.exclusive());
    node.put("description", tracer.description());
    node.put("details", tracer.details());
    ObjectNode files = node.putObject("files");
    tracer.files().forEach(file -> files.put(file.name(), file.content()));
    ArrayNode settings = node.putArray("settings");
    tracer.settings().forEach(settings::add);
    node.put("path", tracer.file() == null ? null : tracer.file().path().toString());
    return node;
  }

  private static String modes(Tracer tracer) {
    return tracer.modes().stream().map(Mode::text).collect(Collectors.joining(", "));
  }

  private static String needs(Tracer tracer) {
    return tracer.needs().stream().map(Need::text).collect(Collectors.joining("; "));
  }

  private static String settings(Tracer tracer) {
    return tracer.settings().stream()
        .map(name -> "--" + name.replace('_', '-'))
        .collect(Collectors.joining(" "));
  }
}
