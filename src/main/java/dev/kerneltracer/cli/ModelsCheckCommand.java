package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.HubDownload;
import dev.kerneltracer.model.SnapshotCheck;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.JsonFile;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JsonGenerator;

/// `models check`: proves that models in the cache are complete, or says what they lack.
@Command(
    name = "check",
    description = {
      "Prove that models in the Hugging Face cache are complete: index against shards, safetensors"
          + " headers against file sizes, links, leftovers of interrupted downloads. Nothing is"
          + " asked of the network.",
      "Exit code 0 when all are complete, else 1."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {"  kerneltracer models check", "  kerneltracer models check Qwen/Qwen3-0.6B --hash"})
final class ModelsCheckCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "NAME",
      arity = "0..*",
      description = "Models, as org/name (default: all of the cache).")
  private List<String> names = new ArrayList<>();

  @Option(
      names = "--revision",
      paramLabel = "REV",
      defaultValue = HubDownload.DEFAULT_REVISION,
      description = "A branch, tag or commit (default: ${DEFAULT-VALUE}).")
  private String revision = HubDownload.DEFAULT_REVISION;

  @Option(
      names = "--hash",
      description = "Read every file, and compare its hash with the one in its name.")
  private boolean hash;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress on standard error.")
  private boolean quiet;

  /// @param check null where the model, or this revision of it, is not in the cache
  private record Row(String name, @Nullable SnapshotCheck check, long incompleteBytes) {
    boolean complete() {
      return check != null && check.isComplete(true);
    }

    List<String> problems() {
      return check == null
          ? List.of(
              incompleteBytes > 0
                  ? "its download was interrupted: " + Amount.bytes(incompleteBytes) + " are here"
                  : "it is not in the cache")
          : check.faults().stream().map(SnapshotCheck.Fault::text).toList();
    }

    List<String> notes() {
      return check == null ? List.of() : check.notes();
    }

    @Nullable String mend() {
      return check == null ? "kerneltracer models download " + name : check.mend();
    }
  }

  @Override
  public Integer call() {
    HubCache cache = HubCache.of(System.getenv());
    List<String> asked = names.isEmpty() ? cache.names() : names;
    List<Row> rows = new ArrayList<>();
    try (ProgressLine progress = ProgressLine.start("models check", quiet)) {
      for (String name : asked) {
        progress.show(name, rows.size(), asked.size());
        HubCache.Snapshot snapshot = cache.snapshot(name, revision);
        SnapshotCheck check = snapshot == null ? null : SnapshotCheck.of(snapshot, hash);
        rows.add(new Row(name, check, cache.incompleteBytes(name)));
      }
    }
    switch (format) {
      case TABLE -> {
        rows.forEach(ModelsCheckCommand::print);
        if (rows.isEmpty()) {
          System.out.println("There is no model in " + cache.root() + ".");
        }
      }
      case JSON -> JsonFile.print(System.out, json -> write(json, rows));
    }
    return (rows.stream().allMatch(Row::complete) ? ExitCode.OK : ExitCode.JOBS_FAILED).code();
  }

  private static void print(Row row) {
    String size =
        row.check() == null ? "" : ", " + Amount.bytes(row.check().snapshot().sizeBytes());
    System.out.println(row.name() + ": " + (row.complete() ? "complete" : "incomplete") + size);
    row.problems().forEach(problem -> System.out.println("  " + problem));
    row.notes().forEach(note -> System.out.println("  note: " + note));
    if (row.mend() != null) {
      System.out.println("  mend it: " + row.mend());
    }
  }

  private static void write(JsonGenerator json, List<Row> rows) {
    json.writeStartObject();
    json.writeArrayPropertyStart("models");
    for (Row row : rows) {
      json.writeStartObject();
      json.writeStringProperty("name", row.name());
      json.writeStringProperty(
          "revision", row.check() == null ? null : row.check().snapshot().commit());
      json.writeBooleanProperty("complete", row.complete());
      json.writeArrayPropertyStart("problems");
      row.problems().forEach(json::writeString);
      json.writeEndArray();
      json.writeArrayPropertyStart("notes");
      row.notes().forEach(json::writeString);
      json.writeEndArray();
      json.writeStringProperty("mend", row.mend());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
