package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import dev.kerneltracer.sweep.OpType;
import dev.kerneltracer.sweep.SizeCost;
import dev.kerneltracer.sweep.SizeRecord;
import dev.kerneltracer.sweep.SweepTables;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/// What a sweep prints when it ends.
final class SweepReport {
  private SweepReport() {}

  /// The tables of one input length.
  ///
  /// @param inputTokens 0 where it is not known
  record Part(Path directory, int inputTokens, SweepTables tables) {}

  static void print(List<Part> parts, List<SizeRecord> records, OutputFormat format) {
    switch (format) {
      case TABLE -> System.out.print(text(parts, records, Terminal.stdout()));
      case JSON -> JsonFile.print(System.out, json -> write(json, parts, records));
    }
  }

  /// Whether everything that was asked for is there.
  ///
  /// @param missing sizes without all their steps
  static ExitCode exitCode(List<SweepTables> tables, int missing) {
    boolean empty = tables.isEmpty() || tables.stream().anyMatch(table -> !table.empty().isEmpty());
    return empty || missing > 0 ? ExitCode.JOBS_FAILED : ExitCode.OK;
  }

  static String text(List<Part> parts, List<SizeRecord> records, Terminal terminal) {
    StringBuilder text = new StringBuilder();
    for (Part part : parts) {
      List<SizeCost> sizes = part.tables.sizes();
      String length = part.inputTokens == 0 ? "" : " of " + part.inputTokens + " prompt tokens";
      text.append("Operator time of a step")
          .append(length)
          .append(sizes.getFirst().onDevice() ? " on the GPU" : " on the CPU")
          .append(", by the batch size, in ms\n\n");
      text.append(table(sizes).render(terminal.width())).append('\n');
      if (sizes.size() > 1) {
        text.append(part.tables.plot().text(terminal.width(), terminal.hasColour())).append('\n');
      }
      if (!part.tables.empty().isEmpty()) {
        text.append("No step was exact for batch ")
            .append(String.join(", ", part.tables.empty().stream().map(String::valueOf).toList()))
            .append("\n");
      }
      text.append("Tables: ")
          .append(part.directory.resolve(SweepTables.OP_TIMES_DETAILED))
          .append(", ")
          .append(SweepTables.OP_TIMES)
          .append(", ")
          .append(SweepTables.OP_SPREAD)
          .append(", ")
          .append(SweepTables.KERNELS)
          .append("; plot: ")
          .append(SweepTables.PLOT)
          .append('\n');
    }
    for (SizeRecord record : records) {
      if (record.inexact() > 0 || !record.isComplete()) {
        text.append("Batch ")
            .append(record.batch())
            .append(": ")
            .append(record.steps())
            .append(" of ")
            .append(record.wanted())
            .append(" steps profiled, ")
            .append(record.inexact())
            .append(" not exact and thrown away\n");
      }
    }
    return text.toString();
  }

  /// The types that take any time, each a column.
  private static TerminalTable table(List<SizeCost> sizes) {
    List<OpType> types =
        Arrays.stream(OpType.values())
            .filter(type -> sizes.stream().anyMatch(size -> size.timeNs(type) > 0))
            .toList();
    List<Column> columns = new ArrayList<>();
    columns.add(Column.number("batch"));
    columns.add(Column.number("steps"));
    columns.add(Column.number("total"));
    types.forEach(type -> columns.add(Column.number(type.text())));
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    for (SizeCost size : sizes) {
      List<String> cells = new ArrayList<>();
      cells.add(String.valueOf(size.batch()));
      cells.add(String.valueOf(size.stepCount()));
      cells.add(milliseconds(size.totalNs()));
      types.forEach(type -> cells.add(milliseconds(size.timeNs(type))));
      table.row(cells.toArray(String[]::new));
    }
    return table;
  }

  private static String milliseconds(long ns) {
    return Amount.decimal(ns / 1e6, 3);
  }

  private static void write(JsonGenerator json, List<Part> parts, List<SizeRecord> records) {
    json.writeStartObject();
    json.writeArrayPropertyStart("tables");
    for (Part part : parts) {
      json.writeStartObject();
      json.writeStringProperty("directory", part.directory.toString());
      if (part.inputTokens > 0) {
        json.writeNumberProperty("input", part.inputTokens);
      }
      json.writeArrayPropertyStart("sizes");
      for (SizeCost size : part.tables.sizes()) {
        write(json, size);
      }
      json.writeEndArray();
      json.writeArrayPropertyStart("empty");
      part.tables.empty().forEach(json::writeNumber);
      json.writeEndArray();
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayPropertyStart("runs");
    for (SizeRecord record : records) {
      json.writeStartObject();
      json.writeNumberProperty("batch", record.batch());
      json.writeNumberProperty("input", record.inputTokens());
      json.writeNumberProperty("steps", record.steps());
      json.writeNumberProperty("wanted", record.wanted());
      json.writeNumberProperty("exact", record.exact());
      json.writeNumberProperty("inexact", record.inexact());
      json.writeNumberProperty("let_go", record.letGo());
      json.writeNumberProperty("seconds", record.seconds());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void write(JsonGenerator json, SizeCost size) {
    json.writeStartObject();
    json.writeNumberProperty("batch", size.batch());
    json.writeNumberProperty("steps", size.stepCount());
    json.writeNumberProperty("thrown_away", size.thrownAway());
    json.writeStringProperty("time_of", size.onDevice() ? "device" : "cpu");
    json.writeNumberProperty("total_ns", size.totalNs());
    json.writeObjectPropertyStart("op_ns");
    for (OpType type : OpType.values()) {
      if (size.timeNs(type) > 0) {
        json.writeNumberProperty(type.text(), size.timeNs(type));
      }
    }
    json.writeEndObject();
    json.writeEndObject();
  }
}
