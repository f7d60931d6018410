package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The main job as a user runs it, and what a second run makes of the first one's results.
@Tag("real")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class TraceCommandTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir static Path outputs;
  private static String python = "";

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  private static Path results(String tracer) {
    return outputs.resolve("type/qwen3/eval").resolve(tracer);
  }

  private static Run mainJob(String... more) throws Exception {
    List<String> arguments =
        new java.util.ArrayList<>(
            List.of(
                "trace",
                "--model",
                "type:qwen3",
                "--tiny",
                "--python",
                python,
                "--output-dir",
                outputs.toString()));
    if (!List.of(more).contains("--tracers")) {
      arguments.addAll(List.of("--tracers", Program.QUICK));
    }
    arguments.addAll(List.of(more));
    return new Program().run(arguments.toArray(String[]::new));
  }

  @Test
  @Order(1)
  void theMainJobEndsWithATableAndLeavesEveryFile() throws Exception {
    Run run = mainJob();

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("Qwen3ForCausalLM", "aten::mm", "prefill", "decode", "torch_dispatch  success");
    assertThat(run.out().lines())
        .filteredOn(line -> !line.contains("outputs") && !line.contains(outputs.toString()))
        .allMatch(line -> line.length() <= 100);
    for (String file :
        List.of(
            "_TRACE_STATUS.json",
            "job.json",
            "job.log",
            "torch_profile.json",
            "torch_kernel_profile.json",
            "torch_kernel_profile.csv",
            "trace/qwen3.pt.trace.json.gz")) {
      assertThat(results("torch_profiler").resolve(file)).exists();
    }
    assertThat(results("torch_dispatch").resolve("torch_dispatch.json")).exists();
    assertThat(results("torch_profiler").resolve("_TRACE_FAILURE.json")).doesNotExist();
  }

  @Test
  @Order(2)
  void theStatusHasTheKeysThatScriptsRead() throws IOException {
    JsonNode status =
        JSON.readTree(Files.readString(results("torch_profiler").resolve("_TRACE_STATUS.json")));

    assertThat(status.propertyNames())
        .containsExactly(
            "tracer",
            "framework",
            "model",
            "device",
            "mode",
            "timestamp",
            "success",
            "tracer_version",
            "identity",
            "outcome",
            "reason",
            "duration_s",
            "peak_rss_bytes",
            "peak_gpu_bytes",
            "versions");
    assertThat(status.get("model").asString()).isEqualTo("type:qwen3");
    assertThat(status.get("device").asString()).isEqualTo("cpu");
    assertThat(status.get("outcome").asString()).isEqualTo("success");
    assertThat(status.get("timestamp").asString()).matches("\\d{4}-.*Z");
    assertThat(status.get("peak_rss_bytes").asLong()).isGreaterThan(100_000_000);
    assertThat(status.get("versions").get("torch").asString()).startsWith("2.");
  }

  @Test
  @Order(3)
  void aSecondRunSkipsAndStillShowsTheTable() throws Exception {
    FileTime before =
        Files.getLastModifiedTime(results("torch_profiler").resolve("_TRACE_STATUS.json"));

    Run run = mainJob();

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("skipped, done before", "aten::mm", "--force");
    assertThat(Files.getLastModifiedTime(results("torch_profiler").resolve("_TRACE_STATUS.json")))
        .isEqualTo(before);
  }

  @Test
  @Order(4)
  void anotherSettingIsAnotherJobAndJsonIsForMachines() throws Exception {
    Run run = mainJob("--new-tokens", "3", "--tracers", "torch_profiler", "--format", "json");

    JsonNode json = JSON.readTree(run.out());
    assertThat(json.get("jobs").get(0).get("skipped").asBoolean()).isFalse();
    assertThat(json.get("steps")).hasSize(3);
    assertThat(json.get("steps").get(0).get("phase").asString()).isEqualTo("prefill");
    assertThat(json.get("operators").get(0).get("calls").asLong()).isPositive();
  }

  @Test
  @Order(5)
  void forceRunsAgain() throws Exception {
    Run run = mainJob("--new-tokens", "3", "--tracers", "torch_profiler", "--force");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).doesNotContain("skipped");
  }

  @Test
  @Order(6)
  void theRunDirectoryListsEveryJobOnce() throws IOException {
    assertThat(Files.readAllLines(outputs.resolve("summary.csv")))
        .hasSize(3)
        .first()
        .isEqualTo(
            "model,framework,mode,tracer,device,outcome,reason,duration_s,peak_rss_bytes,"
                + "peak_gpu_bytes,timestamp,directory");
    JsonNode run = JSON.readTree(Files.readString(outputs.resolve("run.json")));
    assertThat(run.get("jobs")).hasSize(2);
    assertThat(run.get("command").get(0).asString()).isEqualTo("trace");
  }

  @Test
  @Order(7)
  void stacksMemoryAndFlopsAreRecordedWhenAsked() throws Exception {
    Run run =
        mainJob(
            "--tracers",
            "torch_profiler",
            "--with-stack",
            "--profile-memory",
            "--with-flops",
            "--new-tokens",
            "2");

    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode flops =
        JSON.readTree(Files.readString(results("torch_profiler").resolve("torch_flops.json")));
    assertThat(flops.get("aten::mm").get(0).get("flops").asLong()).isPositive();
    String profile = Files.readString(results("torch_profiler").resolve("torch_profile.json"));
    assertThat(profile).contains("modeling_qwen3.py");
  }

  @Test
  @Order(8)
  void aModelDirectoryWithRealWeightsAndATokenizerTakesAPrompt() throws Exception {
    Path model = outputs.resolve("saved-llama");
    Process made =
        new ProcessBuilder(
                python,
                Path.of(
                        System.getProperty("kerneltracer.root", "."),
                        "src/test/python/save_model.py")
                    .toString(),
                model.toString())
            .redirectErrorStream(true)
            .redirectOutput(outputs.resolve("save.log").toFile())
            .start();
    assertThat(made.waitFor()).as(Files.readString(outputs.resolve("save.log"))).isZero();
    // What the model's authors prefer does not change how many sequences run.
    Files.writeString(
        model.resolve("generation_config.json"), "{\"num_beams\": 4, \"do_sample\": false}");

    Run run =
        new Program()
            .run(
                "trace",
                "--model-path",
                model.toString(),
                "--python",
                python,
                "-o",
                outputs.toString(),
                "--tracers",
                "torch_dispatch",
                "--prompt",
                "a b c d e",
                "--temperature",
                "0.7",
                "--top-p",
                "0.9",
                "--batch",
                "2");

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    Path results = outputs.resolve("local/saved-llama/eval/torch_dispatch");
    String counts = Files.readString(results.resolve("torch_dispatch.json"));
    assertThat(counts)
        .contains("aten.multinomial.default")
        .contains("T([2, 5], i64)")
        .doesNotContain("T([8, ");

    Files.delete(model.resolve("model.safetensors"));
    Run incomplete =
        new Program()
            .run(
                "trace",
                "--model-path",
                model.toString(),
                "--python",
                python,
                "-o",
                outputs.toString(),
                "--tracers",
                "torch_dispatch");
    assertThat(incomplete.exitCode()).isEqualTo(1);
    assertThat(incomplete.out()).contains("incomplete_model", "model.safetensors");
    assertThat(results.resolve("_TRACE_FAILURE.json")).exists();
    assertThat(results.resolve("_TRACE_STATUS.json")).doesNotExist();
  }
}
