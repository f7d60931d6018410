package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A job's end, as `_TRACE_STATUS.json` (success only: scripts test for its existence) or
/// `_TRACE_FAILURE.json` (any other) tells it.
///
/// @param device what it ran on, or was asked to run on where it did not come so far
/// @param reason one line
/// @param versions `torch, transformers, vllm, cuda, driver, python`; an absent one is null in the
///   file
public record JobStatus(
    String tracer,
    String framework,
    String model,
    String device,
    String mode,
    Instant timestamp,
    int tracerVersion,
    String identity,
    Outcome outcome,
    String reason,
    double durationS,
    long peakRssBytes,
    long peakGpuBytes,
    Map<String, String> versions) {
  public static final String SUCCESS_FILE = "_TRACE_STATUS.json";
  public static final String FAILURE_FILE = "_TRACE_FAILURE.json";

  private static final String[] VERSIONS = {
    "torch", "transformers", "vllm", "cuda", "driver", "python"
  };
  private static final JsonMapper JSON = new JsonMapper();

  public boolean succeeded() {
    return outcome == Outcome.SUCCESS;
  }

  /// Whether the job was tried and did not succeed.
  public boolean failed() {
    return !succeeded() && outcome != Outcome.SKIPPED;
  }

  /// The content of the status file.
  public ObjectNode toJson() {
    ObjectNode node = JSON.createObjectNode();
    node.put("tracer", tracer);
    node.put("framework", framework);
    node.put("model", model);
    node.put("device", device);
    node.put("mode", mode);
    node.put("timestamp", timestamp.truncatedTo(ChronoUnit.MILLIS).toString());
    node.put("success", succeeded());
    node.put("tracer_version", tracerVersion);
    node.put("identity", identity);
    node.put("outcome", outcome.text());
    node.put("reason", reason);
    node.put("duration_s", Math.round(durationS * 1000) / 1000.0);
    node.put("peak_rss_bytes", peakRssBytes);
    node.put("peak_gpu_bytes", peakGpuBytes);
    ObjectNode all = node.putObject("versions");
    for (String name : VERSIONS) {
      all.put(name, versions.get(name));
    }
    return node;
  }

  /// Writes the file that the outcome asks for and removes the other.
  void write(Path directory) throws IOException {
    if (outcome == Outcome.SKIPPED) {
      return;
    }
    Files.deleteIfExists(directory.resolve(succeeded() ? FAILURE_FILE : SUCCESS_FILE));
    AtomicFile.writeString(
        directory.resolve(succeeded() ? SUCCESS_FILE : FAILURE_FILE),
        toJson().toPrettyString() + "\n");
  }

  /// The success that a directory holds; null where it holds none, or a damaged one.
  public static @Nullable JobStatus readSuccess(Path directory) {
    try {
      JsonNode node = JSON.readTree(Files.readString(directory.resolve(SUCCESS_FILE)));
      Map<String, String> versions = new TreeMap<>();
      node.path("versions")
          .forEachEntry((name, value) -> {
            if (value.isString()) {
              versions.put(name, value.asString());
            }
          });
      if (!node.path("success").asBoolean(false)) {
        return null;
      }
      return new JobStatus(
          node.path("tracer").asString(""),
          node.path("framework").asString(""),
          node.path("model").asString(""),
          node.path("device").asString(""),
          node.path("mode").asString(""),
          Instant.parse(node.path("timestamp").asString("1970-01-01T00:00:00Z")),
          node.path("tracer_version").asInt(0),
          node.path("identity").asString(""),
          Outcome.of(node.path("outcome").asString("")),
          node.path("reason").asString(""),
          node.path("duration_s").asDouble(0),
          node.path("peak_rss_bytes").asLong(0),
          node.path("peak_gpu_bytes").asLong(0),
          versions);
    } catch (IOException | JacksonException | java.time.DateTimeException e) {
      return null;
    }
  }
}
