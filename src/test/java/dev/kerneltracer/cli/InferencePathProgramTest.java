package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// module_path on real models: its files are checked against its traces by a program that reads
/// both anew.
@Tag("real")
class InferencePathProgramTest {
  private static final Path ROOT =
      Path.of(System.getProperty("kerneltracer.root", ".")).toAbsolutePath();
  private static String python = "";

  @TempDir static Path outputs;

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  private static Run trace(String type, String... more) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("--tracers", "module_path", "--force"));
    arguments.addAll(List.of(more));
    return new Program().runTiny(type, python, outputs, arguments.toArray(String[]::new));
  }

  private static Path job(String type, String mode) {
    return outputs.resolve("type").resolve(type).resolve(mode).resolve("module_path");
  }

  /// Checks a job's files and what `analyze` makes of its trace.
  private static void check(Path job) throws Exception {
    Path tables = job.resolveSibling("tables");
    Run analyzed =
        new Program()
            .run("analyze", job.resolve("trace").toString(), "--output-dir", tables.toString());
    assertThat(analyzed.exitCode()).as(analyzed.err()).isZero();
    Process process =
        new ProcessBuilder(
                python,
                ROOT.resolve("src/test/python/check_inference_path.py").toString(),
                job.toString(),
                tables.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output).contains(" 0 faults");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gemma3_text", "mixtral", "mamba", "t5"})
  void filesAgreeWithTheTrace(String type) throws Exception {
    Run run = trace(type);

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines())
        .filteredOn(line -> !line.contains(outputs.toString()))
        .allMatch(line -> line.length() <= 100);
    assertThat(run.out()).contains("One token: ", "Most called modules", "Per token: ");
    String layers =
        switch (type) {
          case "gemma3_text" -> "layers.2-3 × 2";
          case "t5" -> "block.1";
          default -> "layers.0-1 × 2";
        };
    assertThat(run.out()).contains(layers);
    check(job(type, "eval"));
  }

  @Test
  void whatIsPrintedCanBeChosenAndReadByPrograms() throws Exception {
    Run run =
        trace(
            "llama",
            "--format",
            "json",
            "--with-stack",
            "--layers",
            "1",
            "--module-filter",
            "MLP$");

    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode path = new JsonMapper().readTree(run.out()).get("inference_path");
    JsonNode model = path.get("token").get("modules").get(0).get("children").get(0);
    assertThat(model.get("children").get(0).get("name").asString()).isEqualTo("layers.1");
    assertThat(
            path.get("token")
                .get("operators")
                .valueStream()
                .map(row -> row.get("module").asString()))
        .containsExactly(
            "model.layers.*.mlp.gate_proj",
            "model.layers.*.mlp.act_fn",
            "model.layers.*.mlp.up_proj",
            "model.layers.*.mlp",
            "model.layers.*.mlp.down_proj");
    assertThat(path.get("classes").get(0).get("class").asString()).isEqualTo("Linear");
    Path job = job("llama", "eval");
    JsonNode file = new JsonMapper().readTree(Files.readString(job.resolve("path.json")));
    JsonNode call = file.get("calls").get(5);
    assertThat(file.get("stacks").get(call.get("stack").asInt()).get(0).asString())
        .contains("modeling_llama.py:");
    check(job);

    Run again = trace("llama", "--if-exists", "skip", "--with-stack", "--layers", "0");
    assertThat(again.exitCode()).isZero();
    assertThat(again.out()).contains("layers.0 ").doesNotContain("layers.1");
  }

  @Test
  void anEncoderAndAStepOfTrainingHaveTheirPathsToo() throws Exception {
    Run run = trace("bert", "--mode", "eval,train");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("One forward pass: ", "layer.0-1 × 2", "Per pass: ");
    check(job("bert", "eval"));
    assertThat(job("bert", "train").resolve("per_token.csv")).isNotEmptyFile();
  }

  @Test
  void awkwardModulesAreRecordedAndLeftAsTheyWere() throws Exception {
    Path file = outputs.resolve("awkward.json");
    ProcessBuilder builder =
        new ProcessBuilder(
            python,
            ROOT.resolve("src/test/python/record_awkward_modules.py").toString(),
            file.toString());
    builder.environment().put("PYTHONPATH", ROOT.resolve("src/main/python").toString());
    Process process = builder.redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();

    JsonNode path = new JsonMapper().readTree(Files.readString(file));
    List<String> calls = new ArrayList<>();
    for (JsonNode call : path.get("calls")) {
      String raised = call.has("raised") ? " raised " + call.get("raised").asString() : "";
      calls.add(call.get("step").asInt() + " " + call.get("module").asString() + raised);
    }
    List<String> whole =
        List.of(
            "",
            "encoder",
            "encoder.embed",
            "encoder.embed.linear",
            "decoder",
            "decoder.embed",
            "decoder.embed.linear",
            "inner.0 raised ValueError",
            "inner.1",
            "inner.1.linear",
            "script",
            "lazy",
            "own");
    List<String> expected = new ArrayList<>();
    whole.forEach(call -> expected.add("0 " + call));
    expected.addAll(
        List.of(
            "1  raised RuntimeError",
            "1 encoder raised RuntimeError",
            "1 encoder.embed raised RuntimeError",
            "1 encoder.embed.linear raised RuntimeError"));
    whole.forEach(call -> expected.add("2 " + call));
    assertThat(calls).containsExactlyElementsOf(expected);
    assertThat(path.get("calls").get(0).get("outputs").toString())
        .isEqualTo("[\"f32[1, 2]\",\"None\"]");
    assertThat(path.get("calls").get(2).get("outputs").toString())
        .isEqualTo("[\"(a=f32[1, 2], b=(f32[1, 2], f32[1, 2]))\"]");
  }
}
