package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.model.ModelReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.IntNode;

/// What makes two jobs the same, and what their ends leave on disk.
class JobTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Map<String, String> VERSIONS =
      Map.of("torch", "2.13.0+cu130", "transformers", "5.19.0");

  @TempDir Path directory;

  @Test
  void identityChangesWithWhatDecidesTheResultAndWithNothingElse() {
    String identity = job("qwen3", settings(1, false), VERSIONS).identity();

    assertThat(job("qwen3", settings(1, false), VERSIONS).identity()).isEqualTo(identity);
    assertThat(
            job("qwen3", settings(1, false), Map.of("torch", "2.13.1", "transformers", "5.19.2"))
                .identity())
        .as("patch releases")
        .isEqualTo(identity);
    assertThat(job("llama", settings(1, false), VERSIONS).identity()).isNotEqualTo(identity);
    assertThat(job("qwen3", settings(2, false), VERSIONS).identity()).isNotEqualTo(identity);
    assertThat(job("qwen3", settings(1, true), VERSIONS).identity()).isNotEqualTo(identity);
    assertThat(
            job("qwen3", settings(1, false), Map.of("torch", "2.12.0", "transformers", "5.19.0"))
                .identity())
        .isNotEqualTo(identity);
  }

  @Test
  void aLocalModelIsItsContentNotItsPlace() throws IOException {
    Path one = Files.createDirectories(directory.resolve("a/model"));
    Path two = Files.createDirectories(directory.resolve("b/model"));
    Files.writeString(one.resolve("config.json"), "{\"model_type\": \"llama\"}");
    Files.writeString(two.resolve("config.json"), "{\"model_type\": \"llama\"}");
    String before = local(one).identity();

    assertThat(local(two).identity()).isEqualTo(before);
    Files.writeString(two.resolve("config.json"), "{\"model_type\": \"gpt2\"}");
    assertThat(local(two).identity()).isNotEqualTo(before);
  }

  @Test
  void aFailureTakesTheSuccessAwayAndTheOtherWayRound() throws IOException {
    status(Outcome.SUCCESS).write(directory);
    assertThat(JobStatus.readSuccess(directory)).isNotNull();

    status(Outcome.TIMEOUT).write(directory);
    assertThat(directory.resolve("_TRACE_STATUS.json")).doesNotExist();
    assertThat(JobStatus.readSuccess(directory)).isNull();
    JsonNode failure = JSON.readTree(Files.readString(directory.resolve("_TRACE_FAILURE.json")));
    assertThat(failure.get("success").asBoolean()).isFalse();
    assertThat(failure.get("outcome").asString()).isEqualTo("timeout");

    status(Outcome.SUCCESS).write(directory);
    assertThat(directory.resolve("_TRACE_FAILURE.json")).doesNotExist();
  }

  @Test
  void aDamagedStatusIsNoSuccess() throws IOException {
    Files.writeString(directory.resolve("_TRACE_STATUS.json"), "{\"success\": true, \"time");
    assertThat(JobStatus.readSuccess(directory)).isNull();

    Files.writeString(directory.resolve("_TRACE_STATUS.json"), "{\"success\": false}");
    assertThat(JobStatus.readSuccess(directory)).isNull();
  }

  @Test
  void runsThatShareADirectoryReplaceTheirOwnRowsOnly() throws IOException {
    for (JobResult result :
        List.of(
            result("a", Outcome.FAILED),
            result("b", Outcome.SUCCESS),
            result("a", Outcome.SUCCESS))) {
      try (RunSummary summary = new RunSummary(directory, List.of("trace"), List.of())) {
        summary.add(result);
      }
    }

    assertThat(Files.readAllLines(directory.resolve("summary.csv")))
        .hasSize(3)
        .allMatch(line -> !line.contains("failed"));
    assertThat(JSON.readTree(Files.readString(directory.resolve("run.json"))).get("jobs"))
        .hasSize(2);
  }

  @Test
  void whatAKilledRunWasWritingGoesWithTheNextSummary() throws IOException {
    Path half = directory.resolve(".summary.csv.3ebd97e7.partial");
    Path other = directory.resolve(".other.csv.3ebd97e7.partial");
    Files.writeString(half, "model,fra");
    Files.writeString(other, "somebody else's");

    try (RunSummary summary = new RunSummary(directory, List.of("trace"), List.of())) {
      summary.add(result("a", Outcome.SUCCESS));
    }

    assertThat(half).doesNotExist();
    assertThat(other).exists();
  }

  @Test
  void clearingADirectoryLeavesWhatIsNotItsTracers() throws IOException {
    Files.createDirectories(directory.resolve("trace"));
    Files.writeString(directory.resolve("trace/x.pt.trace.json.gz"), "");
    Files.writeString(directory.resolve("_TRACE_STATUS.json"), "{}");
    Files.writeString(directory.resolve("half.json.partial"), "");
    Files.writeString(directory.resolve("notes.txt"), "mine");

    try (JobDirectory taken = JobDirectory.take(directory)) {
      taken.clear(Tracer.TORCH_PROFILER);
    }

    try (java.util.stream.Stream<Path> left = Files.list(directory)) {
      assertThat(left.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("notes.txt", ".lock");
    }
  }

  private JobResult result(String name, Outcome outcome) {
    return new JobResult(status(outcome), false, directory.resolve(name), Map.of(), null, null);
  }

  private static JobStatus status(Outcome outcome) {
    return new JobStatus(
        "torch_profiler",
        "huggingface",
        "type:qwen3",
        "cpu",
        "eval",
        Instant.EPOCH,
        1,
        "abc",
        outcome,
        "",
        1.5,
        1,
        0,
        VERSIONS);
  }

  private TraceJob local(Path model) {
    return new TraceJob(
        ModelReference.directory(model),
        Tracer.TORCH_DISPATCH,
        Mode.EVAL,
        settings(1, false),
        directory,
        VERSIONS);
  }

  private TraceJob job(String type, TraceSettings settings, Map<String, String> versions) {
    return new TraceJob(
        new ModelReference.Type(type),
        Tracer.TORCH_PROFILER,
        Mode.EVAL,
        settings,
        directory,
        versions);
  }

  private static TraceSettings settings(int layers, boolean withStack) {
    return new TraceSettings(
        List.of(Map.entry("num_hidden_layers", IntNode.valueOf(layers))),
        true,
        TraceSettings.Weights.RANDOM,
        "auto",
        "cpu",
        1,
        16,
        8,
        null,
        null,
        null,
        null,
        false,
        0,
        1,
        true,
        new TraceSettings.Recording(true, withStack, false, false, false),
        EngineSettings.DEFAULT);
  }
}
