package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.model.LocalHub;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `trace` over several models, as a user runs it: real torch, real processes.
@Tag("real")
class BatchCommandTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final byte[] LLAMA =
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
       "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4,
       "num_key_value_heads": 4, "vocab_size": 128}
      """
          .getBytes(StandardCharsets.UTF_8);
  private static String python = "";

  @TempDir Path directory;

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  @Test
  void aListIsTracedAndTracedOnAndGivesWhatSingleRunsGive() throws Exception {
    Path list = directory.resolve("models.txt");
    Files.writeString(list, "# causal\ntype:llama\ntype:nosuch  # not yet\n\ntype:gpt2\n");
    String[] command = {
      "--model-list", list.toString(), "--tiny", "--jobs", "2", "--new-tokens", "2"
    };

    Run dry = trace(with(command, "--dry-run", "--format", "json"));
    assertThat(dry.exitCode()).as(dry.err()).isZero();
    assertThat(JSON.readTree(dry.out()).get("run").asInt()).isEqualTo(6);
    assertThat(directory.resolve("outputs")).doesNotExist();

    Run first = trace(command);
    assertThat(first.exitCode()).as(first.out() + first.err()).isEqualTo(1);
    assertThat(first.out())
        .contains("6 jobs of 3 models", "4 succeeded, 2 failed", "type:gpt2")
        .contains("type:nosuch torch_dispatch unsupported_model", "job.log");
    assertThat(first.err()).contains("/6] type:llama torch_profiler: success");
    assertThat(Files.readAllLines(directory.resolve("outputs/summary.csv"))).hasSize(7);
    JsonNode run = JSON.readTree(Files.readString(directory.resolve("outputs/run.json")));
    assertThat(run.get("plan")).hasSize(6);
    assertThat(run.get("jobs")).hasSize(6);

    // Half of what succeeded is lost: only that, and what failed, runs again.
    Files.delete(status("gpt2", "torch_dispatch"));
    Run second = trace(with(command, "--skip-model", "type:no*", "--format", "json"));
    assertThat(second.exitCode()).as(second.out() + second.err()).isZero();
    List<String> ran = new ArrayList<>();
    for (JsonNode job : JSON.readTree(second.out()).get("jobs")) {
      if (!job.get("skipped").asBoolean()) {
        ran.add(job.get("model").asString() + " " + job.get("tracer").asString());
      }
    }
    assertThat(ran).containsExactly("type:gpt2 torch_dispatch");

    Path alone = directory.resolve("alone");
    Run cold =
        new Program()
            .runTiny("gpt2", python, alone, "--tracers", "torch_dispatch", "--no-warm-start");
    assertThat(cold.exitCode()).as(cold.err()).isZero();
    assertThat(directory.resolve("outputs/type/gpt2/eval/torch_dispatch/torch_dispatch.json"))
        .hasSameTextualContentAs(
            alone.resolve("type/gpt2/eval/torch_dispatch/torch_dispatch.json"));
  }

  @Test
  void ctrlCEndsAllJobsAsCancelled() throws Exception {
    Path tree = Files.createDirectory(directory.resolve("tree"));
    Path one = MisbehavingModel.write(Files.createDirectory(directory.resolve("a")), "deaf_tree");
    Path two = Files.move(one, directory.resolve("a/second"));
    MisbehavingModel.write(directory.resolve("a"), "deaf_tree");
    Running running =
        new Program()
            .with("TREE", tree.toString())
            .start(
                command(
                    "--model-path",
                    one.toString(),
                    "--model-path",
                    two.toString(),
                    "--trust-remote-code",
                    "--weights",
                    "random",
                    "--tracers",
                    "torch_dispatch",
                    "--jobs",
                    "2"));
    for (int i = 0; i < 1200 && entries(tree) < 6; i++) {
      assertThat(running.process().isAlive()).as(running.errSoFar()).isTrue();
      Thread.sleep(50);
    }
    assertThat(entries(tree)).isEqualTo(6);

    new ProcessBuilder("kill", "-INT", String.valueOf(running.process().pid())).start().waitFor();
    Run run = running.end();

    assertThat(run.exitCode()).isEqualTo(130);
    assertThat(run.err()).contains("nothing is left running");
    assertThat(running.left()).isEmpty();
    assertThat(Files.readString(directory.resolve("outputs/summary.csv")).split("cancelled", -1))
        .hasSize(3);
  }

  @Test
  void aJobThatWasKilledIsTriedAgain() throws Exception {
    Path model = MisbehavingModel.write(directory, "kill_once");
    Run run =
        new Program()
            .with("ONCE", directory.resolve("once").toString())
            .run(
                command(
                    "--model-path",
                    model.toString(),
                    "--models",
                    "type:llama",
                    "--trust-remote-code",
                    "--weights",
                    "random",
                    "--set",
                    "num_hidden_layers=1",
                    "--set",
                    "hidden_size=64",
                    "--tracer",
                    "torch_dispatch",
                    "--retries",
                    "1"));

    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(run.err()).contains("killed, is tried again: " + model + " torch_dispatch");
    assertThat(Files.readString(directory.resolve("outputs/summary.csv"))).doesNotContain("killed");
  }

  @Test
  void modelsAreFetchedAheadAndRemovedWhenTheirJobsAreDone() throws Exception {
    try (LocalHub hub = new LocalHub()) {
      for (String name : List.of("org/one", "org/two", "org/three")) {
        hub.publish(name, "main", Map.of("config.json", LLAMA));
      }
      hub.publish("org/gated", "main", Map.of("config.json", LLAMA));
      hub.gate("org/gated", "hf_other");
      Program program =
          new Program()
              .with("HF_ENDPOINT", hub.endpoint())
              .with("HF_HUB_CACHE", directory.resolve("hub").toString());
      String[] arguments =
          command(
              "--models",
              "org/one,org/two,org/gated,org/three",
              "--weights",
              "random",
              "--tracers",
              "torch_dispatch",
              "--download-ahead",
              "1",
              "--evict-after");

      Run run = program.run(arguments);
      assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(1);
      assertThat(run.out())
          .contains("3 succeeded, 1 failed", "org/gated torch_dispatch gated_model");
      for (String name : List.of("one", "two", "three")) {
        assertThat(directory.resolve("outputs/org/" + name + "/eval/torch_dispatch"))
            .isDirectoryContaining(file -> file.endsWith("_TRACE_STATUS.json"));
        assertThat(directory.resolve("hub/models--org--" + name + "/snapshots"))
            .as("evicted")
            .doesNotExist();
      }
      assertThat(directory.resolve("outputs/org/gated/eval/torch_dispatch/_TRACE_FAILURE.json"))
          .content()
          .contains("gated_model", "Accept its terms");

      long gets = hub.gets("config.json");
      Run again = program.run(with(arguments, "--dry-run", "--format", "json"));
      JsonNode plan = JSON.readTree(again.out());
      assertThat(plan.get("done").asInt()).isEqualTo(3);
      assertThat(plan.get("download").asInt()).isEqualTo(1);
      assertThat(hub.gets("config.json")).isEqualTo(gets);
    }
  }

  @Test
  void offlineAModelThatIsNotThereFailsAloneAmongOthers() throws Exception {
    Run run =
        new Program()
            .with("HF_HUB_CACHE", directory.resolve("hub").toString())
            .run(
                command(
                    "--models",
                    "org/none,type:llama",
                    "--tiny",
                    "--no-download",
                    "--tracers",
                    "torch_dispatch",
                    "--layout",
                    "nested"));

    assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(1);
    assertThat(run.out()).contains("1 succeeded, 1 failed", "incomplete_model");
    assertThat(status("llama", "torch_dispatch")).exists();
  }

  @Test
  void theFlatLayoutHasATracerADirectory() throws Exception {
    Run run =
        trace("--model", "type:llama", "--tiny", "--tracers", "torch_dispatch", "--layout", "flat");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(directory.resolve("outputs/torch_dispatch/torch_dispatch.json")).exists();
  }

  private Run trace(String... more) throws Exception {
    String[] tracers =
        List.of(more).contains("--tracers")
            ? new String[0]
            : new String[] {"--tracers", "torch_dispatch,torch_profiler"};
    return new Program().run(with(command(more), tracers));
  }

  private String[] command(String... more) {
    return with(
        new String[] {"trace", "--python", python, "-o", directory.resolve("outputs").toString()},
        more);
  }

  private static String[] with(String[] first, String... more) {
    return Stream.concat(Stream.of(first), Stream.of(more)).toArray(String[]::new);
  }

  private Path status(String type, String tracer) {
    return directory.resolve("outputs/type/" + type + "/eval/" + tracer + "/_TRACE_STATUS.json");
  }

  private static long entries(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.count();
    }
  }
}
