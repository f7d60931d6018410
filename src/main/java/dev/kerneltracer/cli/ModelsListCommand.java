package dev.kerneltracer.cli;

import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.SnapshotCheck;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.report.TerminalTable;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.core.JsonGenerator;

/// `models list`: what the cache holds.
@Command(
    name = "list",
    description = "List the models in the Hugging Face cache.",
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  kerneltracer models list")
final class ModelsListCommand implements Runnable {
  private static final int SHORT_COMMIT = 8;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  /// @param snapshot null where only the beginnings of a download are there
  /// @param state `yes`, `no weights`, or `no`
  private record Row(
      String name, HubCache.@Nullable Snapshot snapshot, String state, long sizeBytes) {}

  @Override
  public void run() {
    HubCache cache = HubCache.of(System.getenv());
    List<Row> rows = new ArrayList<>();
    for (String name : cache.names()) {
      List<HubCache.Snapshot> snapshots = cache.snapshots(name);
      for (HubCache.Snapshot snapshot : snapshots) {
        SnapshotCheck check = SnapshotCheck.of(snapshot, false);
        String state =
            check.isComplete(true) ? "yes" : check.isComplete(false) ? "no weights" : "no";
        rows.add(new Row(name, snapshot, state, snapshot.sizeBytes()));
      }
      if (snapshots.isEmpty()) {
        rows.add(new Row(name, null, "no", cache.incompleteBytes(name)));
      }
    }
    switch (format) {
      case TABLE -> {
        if (rows.isEmpty()) {
          System.out.println("There is no model in " + cache.root() + ".");
        } else {
          System.out.print(table(rows).render(Terminal.stdout().width()));
        }
      }
      case JSON -> JsonFile.print(System.out, json -> write(json, cache, rows));
    }
  }

  private static TerminalTable table(List<Row> rows) {
    TerminalTable table =
        new TerminalTable(
            TerminalTable.Column.text("model"),
            TerminalTable.Column.text("revision"),
            TerminalTable.Column.number("size"),
            TerminalTable.Column.fixed("complete"),
            TerminalTable.Column.fixed("last used"));
    for (Row row : rows) {
      HubCache.Snapshot snapshot = row.snapshot();
      table.row(
          row.name(),
          snapshot == null ? "-" : revision(snapshot),
          Amount.bytes(row.sizeBytes()),
          row.state(),
          snapshot == null || snapshot.lastUsed().equals(Instant.EPOCH)
              ? "-"
              : LocalDate.ofInstant(snapshot.lastUsed(), ZoneId.systemDefault()).toString());
    }
    return table;
  }

  /// As `main, v1 (0123abcd)`.
  private static String revision(HubCache.Snapshot snapshot) {
    String commit = snapshot.commit();
    String shown = commit.length() > SHORT_COMMIT ? commit.substring(0, SHORT_COMMIT) : commit;
    return snapshot.refs().isEmpty()
        ? shown
        : String.join(", ", snapshot.refs()) + " (" + shown + ")";
  }

  private static void write(JsonGenerator json, HubCache cache, List<Row> rows) {
    json.writeStartObject();
    json.writeStringProperty("cache", cache.root().toString());
    json.writeArrayPropertyStart("models");
    for (Row row : rows) {
      HubCache.Snapshot snapshot = row.snapshot();
      json.writeStartObject();
      json.writeStringProperty("name", row.name());
      json.writeStringProperty("revision", snapshot == null ? null : snapshot.commit());
      json.writeArrayPropertyStart("refs");
      if (snapshot != null) {
        snapshot.refs().forEach(json::writeString);
      }
      json.writeEndArray();
      json.writeStringProperty(
          "directory", snapshot == null ? null : snapshot.directory().toString());
      json.writeNumberProperty("size_bytes", row.sizeBytes());
      json.writeBooleanProperty("complete", row.state().equals("yes"));
      json.writeStringProperty("state", row.state());
      json.writeStringProperty(
          "last_used", snapshot == null ? null : snapshot.lastUsed().toString());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
