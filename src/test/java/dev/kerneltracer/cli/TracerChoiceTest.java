package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import dev.kerneltracer.tracer.DocumentedTracer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What there is to choose from, and a tracer of a user's own: the example of docs/tracers.md.
@Tag("real")
class TracerChoiceTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path directory;

  @Test
  void tracersAreListedByFrameworkForPeopleAndPrograms() throws Exception {
    Run all = new Program().run("trace", "--list-tracers");
    assertThat(all.exitCode()).isZero();
    assertThat(all.out()).contains("torch_inductor", "vllm_profiler", "eval, train");
    assertThat(all.out().lines()).allMatch(line -> line.length() <= 100);

    Run some =
        new Program().run("trace", "--list-tracers", "--framework", "vllm", "--format", "json");
    JsonNode tracers = JSON.readTree(some.out()).path("tracers");
    assertThat(tracers.size()).isPositive();
    for (JsonNode tracer : tracers) {
      assertThat(tracer.path("framework").asString()).isEqualTo("vllm");
      assertThat(tracer.path("files").size()).isPositive();
    }
  }

  @Test
  void aTracerIsDescribedWithWhatItNeedsAndWrites() throws Exception {
    Run run = new Program().run("trace", "--describe-tracer", "torch_inductor");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains(
            "a C++ compiler, or Triton on a GPU",
            "exclusive: compiler",
            "torch_inductor_kernels.json",
            "kerneltracer trace --model type:qwen3 --tiny --tracers torch_inductor");

    Run unknown = new Program().run("trace", "--describe-tracer", "print_f");
    assertThat(unknown.exitCode()).isEqualTo(2);
    assertThat(unknown.err()).contains("there is no tracer 'print_f'", "print_fx");
  }

  @Test
  void aTracerWithoutItsCompilerIsSkippedWithThatReason() throws Exception {
    String python = RealPython.transformers().executable().toString();
    // What the program itself needs of the system, and no compiler.
    Path programs = Files.createDirectories(directory.resolve("bin"));

    Run run =
        new Program()
            .with("PATH", programs.toString())
            .with("JAVA_HOME", System.getProperty("java.home"))
            .runTiny(
                "llama", python, directory.resolve("out"), "--tracers", "torch_inductor,print_fx");

    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(run.out())
        .containsPattern("torch_inductor +skipped")
        .containsPattern("print_fx +success")
        .contains("needs a C++ compiler, and there is no g++");
    Path skipped = directory.resolve("out/type/llama/eval/torch_inductor");
    assertThat(skipped.resolve("_TRACE_STATUS.json")).doesNotExist();
    assertThat(skipped.resolve("_TRACE_FAILURE.json")).doesNotExist();
  }

  @Test
  void aTracerFromOutsideIsListedUnlessItsNameIsTaken() throws Exception {
    Path file = Files.writeString(directory.resolve("my_tracer.py"), DocumentedTracer.text());
    String[] command = {
      "trace", "--list-tracers", "--format", "json", "--tracer-path", directory.toString()
    };

    Run listed = new Program().run(command);
    assertThat(listed.exitCode()).as(listed.err()).isZero();
    assertThat(listed.out()).contains("\"my_tracer\"", file.toString(), "\"torch_profiler\"");

    Files.writeString(file, DocumentedTracer.text().replace("\"my_tracer\"", "\"print_fx\""));
    Run taken = new Program().run(command);
    assertThat(taken.exitCode()).isEqualTo(2);
    assertThat(taken.err()).contains("there is a tracer 'print_fx' already", "another 'name'");
    assertThat(taken.out()).isEmpty();
  }

  /// The example of docs/tracers.md, as a user would try it; then edited, and left unwritten.
  @Test
  void aTracerFromOutsideRuns() throws Exception {
    String python = RealPython.transformers().executable().toString();
    Path tracers = Files.createDirectories(directory.resolve("tracers"));
    Path file = tracers.resolve("my_tracer.py");
    Files.writeString(file, DocumentedTracer.text());
    Path out = directory.resolve("external");
    String[] options = {"--tracer-path", tracers.toString(), "--tracers", "my_tracer"};

    Run first = new Program().runTiny("llama", python, out, options);
    assertThat(first.exitCode()).as(first.out() + first.err()).isZero();
    JsonNode classes =
        JSON.readTree(
            Files.readString(out.resolve("type/llama/eval/my_tracer/module_classes.json")));
    // Two layers, each with two, and one norm at the end; a prefill and one decode step.
    assertThat(classes.path("LlamaRMSNorm").asInt()).isEqualTo((2 * 2 + 1) * 2);

    assertThat(new Program().runTiny("llama", python, out, options).out())
        .contains("skipped, done before");
    Files.writeString(file, DocumentedTracer.text().replace("write_json(os", "print(os"));
    Run edited = new Program().runTiny("llama", python, out, options);
    assertThat(edited.exitCode()).isEqualTo(1);
    assertThat(edited.out()).contains("did not write module_classes.json");
  }
}
