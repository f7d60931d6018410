package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A model that Dynamo cannot capture in one piece: no graph is lost, and each break has its reason
/// and its place, with the current and with the oldest supported versions.
@Tag("real")
class GraphBreaksTest {
  private static final String MODEL_CODE = "misbehaving_model.py";

  @TempDir Path directory;

  @Test
  void everyGraphAndEveryBreakIsToldByTheCurrentVersions() throws Exception {
    assertBreaks(RealPython.transformers().executable());
    String aten = Files.readString(results("print_aten_ops").resolve("print_aten.txt"));
    String breaks = aten.substring(aten.indexOf("===== Graph breaks ====="));
    assertThat(breaks)
        .as("Dynamo leaves a function with a break in a loop to Python")
        .contains("graph break in loop", MODEL_CODE + ":" + line("def _branching_in_a_loop"));
  }

  @Test
  void everyGraphAndEveryBreakIsToldByTheOldestSupportedVersions() throws Exception {
    assertBreaks(RealPython.oldEnd().executable());
  }

  private void assertBreaks(Path python) throws Exception {
    Run run =
        new Program()
            .run(
                "trace",
                "--model-path",
                MisbehavingModel.write(directory, "break_graphs").toString(),
                "--weights",
                "random",
                "--trust-remote-code",
                "--tracers",
                "print_*",
                "--python",
                python.toString(),
                "-o",
                directory.toString(),
                "--new-tokens",
                "2");

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    JsonNode fx =
        new JsonMapper().readTree(Files.readString(results("print_fx").resolve("print_fx.json")));
    assertThat(fx.path("type").asString()).isEqualTo("fx_graphs");
    List<String> phases = new ArrayList<>();
    fx.path("graphs").forEach(graph -> phases.add(graph.path("phase").asString()));
    assertThat(phases)
        .as(
            "before the first break, from there to the second, behind it; again for the decode step")
        .containsExactly("prefill", "prefill", "prefill", "decode step=1");
    List<String> places = new ArrayList<>();
    for (JsonNode broken : fx.path("breaks")) {
      assertThat(broken.path("reason").asString()).isNotBlank();
      String place = broken.path("location").asString();
      places.add(place.substring(place.lastIndexOf('/') + 1));
    }
    assertThat(places)
        .contains(
            MODEL_CODE + ":" + line("return value + 1 if value.sum()"),
            MODEL_CODE + ":" + line("if value.sum() > 1e9:"));
    assertThat(run.out()).contains("4 graphs of", "graph breaks");
  }

  private Path results(String tracer) {
    return directory.resolve("local/misbehaving-break_graphs/eval").resolve(tracer);
  }

  /// The number of the first line of the model's code that holds a text.
  private static int line(String text) throws IOException {
    Path source =
        Path.of(System.getProperty("kerneltracer.root", "."), "src/test/python", MODEL_CODE);
    List<String> lines = Files.readAllLines(source);
    return 1
        + IntStream.range(0, lines.size())
            .filter(i -> lines.get(i).contains(text))
            .findFirst()
            .orElseThrow();
  }
}
