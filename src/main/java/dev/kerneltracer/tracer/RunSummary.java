package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.report.CsvFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `run.json` (the last command and how every job of the directory ended) and `summary.csv` (a row
/// per job). Runs may share an output directory, so a job's end replaces its own row and no other.
public final class RunSummary {
  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> COLUMNS =
      List.of(
          "model",
          "framework",
          "mode",
          "tracer",
          "device",
          "outcome",
          "reason",
          "duration_s",
          "peak_rss_bytes",
          "peak_gpu_bytes",
          "timestamp",
          "directory");

  private RunSummary() {}

  /// Records what a command planned, and how its jobs ended, in both files.
  ///
  /// @param command the command line
  /// @param planned all its jobs, also those that it did not come to
  public static void record(
      Path outputDirectory, List<String> command, List<TraceJob> planned, List<JobResult> results)
      throws IOException {
    Files.createDirectories(outputDirectory);
    Path lock = outputDirectory.resolve(".run.lock");
    try (FileChannel channel =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = channel.lock()) {
      Path file = outputDirectory.resolve("run.json");
      Map<String, JsonNode> jobs = new TreeMap<>();
      for (JsonNode job : read(file).path("jobs")) {
        jobs.put(job.path("directory").asString(""), job);
      }
      for (JobResult result : results) {
        String directory = outputDirectory.relativize(result.directory()).toString();
        jobs.put(directory, row(result.status(), directory));
      }
      ObjectNode run = JSON.createObjectNode();
      ArrayNode words = run.putArray("command");
      command.forEach(words::add);
      ArrayNode plan = run.putArray("plan");
      planned.forEach(job -> plan.add(job.relativeDirectory().toString()));
      run.put("ended", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
      ArrayNode all = run.putArray("jobs");
      jobs.values().forEach(all::add);
      AtomicFile.writeString(file, run.toPrettyString() + "\n");
      CsvFile.write(
          outputDirectory.resolve("summary.csv"),
          COLUMNS,
          csv -> {
            for (JsonNode job : jobs.values()) {
              csv.row(COLUMNS.stream().map(name -> (Object) job.path(name).asString("")).toArray());
            }
          });
    }
  }

  private static JsonNode read(Path file) throws IOException {
    try {
      return Files.exists(file) ? JSON.readTree(Files.readString(file)) : JSON.createObjectNode();
    } catch (JacksonException e) {
      return JSON.createObjectNode();
    }
  }

  private static ObjectNode row(JobStatus status, String directory) {
    ObjectNode node = JSON.createObjectNode();
    ObjectNode full = status.toJson();
    for (String column : COLUMNS) {
      if (full.has(column)) {
        node.set(column, full.get(column));
      }
    }
    node.put("directory", directory);
    return node;
  }
}
