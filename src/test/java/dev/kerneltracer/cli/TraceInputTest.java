package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.python.RealPython;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What only the traced process can judge of a command line, a model or an interpreter: refused
/// with what is wrong and what to do, or done as asked.
@Tag("real")
class TraceInputTest {
  private static String python = "";

  @TempDir Path directory;

  @BeforeAll
  static void environment() {
    python = RealPython.transformers().executable().toString();
  }

  @Test
  void aPythonWithoutTorchIsNamedWithWhatMendsIt() throws Exception {
    Path bare = directory.resolve("bare");
    assertThat(
            new ProcessBuilder("python3", "-m", "venv", "--without-pip", bare.toString())
                .start()
                .waitFor())
        .isZero();

    Run run =
        new Program()
            .run("trace", "--model", "type:llama", "--tiny", "--python", bare + "/bin/python");

    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains(bare + "/bin/python", "no torch", "Install it:");
  }

  @Test
  void aBadConfigurationIsTold() throws Exception {
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"llama\",\n oops}");
    Run broken = new Program().run("trace", "--model-path", model.toString(), "--python", python);
    assertThat(broken.exitCode()).isEqualTo(4);
    assertThat(broken.err()).contains("config.json is not valid JSON (line 2");

    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"lama\"}");
    Run unknown = fromDirectory(model);
    assertThat(unknown.exitCode()).isEqualTo(1);
    assertThat(unknown.out()).contains("unsupported_model", "'lama'", "llama");

    Files.writeString(
        model.resolve("config.json"), "{\"model_type\": \"llama\", \"hidden_size\": \"wide\"}");
    Run wrong = fromDirectory(model);
    assertThat(wrong.exitCode()).isEqualTo(1);
    assertThat(wrong.out()).contains("hidden_size");
  }

  @Test
  void anUnknownModelTypeNamesTheNearest() throws Exception {
    Run run = tiny("qwen33", directory, "--tracers", "torch_dispatch");

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.out()).contains("unsupported_model", "no model type 'qwen33'", "qwen3");
  }

  @Test
  void anUnknownConfigurationKeyIsAUsageErrorWithTheNearest() throws Exception {
    Run run = tiny("llama", directory, "--set", "num_hiden_layers=2");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("num_hiden_layers", "num_hidden_layers");
  }

  @Test
  void aDtypeThatTorchDoesNotHaveIsAUsageError() throws Exception {
    Run run = tiny("llama", directory, "--dtype", "floot32", "--tracers", "torch_dispatch");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("floot32");
  }

  @Test
  void moreTokensThanLearnedPositionsIsAUsageError() throws Exception {
    Run run = tiny("gpt2", directory, "--prompt-tokens", "1030", "--tracers", "torch_dispatch");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("1024 positions");

    Run encoder = tiny("bert", directory, "--prompt-tokens", "512", "--tracers", "torch_dispatch");
    assertThat(encoder.exitCode()).as("no token is generated: " + encoder.err()).isZero();
  }

  @Test
  void aModelThatReadsNoTokensIsUnsupported() throws Exception {
    Run run = tiny("vit", directory, "--tracers", "torch_dispatch");

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.out()).contains("unsupported_model", "no language model");
  }

  @Test
  void filesOfTheWorkingDirectoryAreNotTakenForModules() throws Exception {
    Path work = Files.createDirectory(directory.resolve("work"));
    Files.writeString(work.resolve("random.py"), "raise RuntimeError('not the real random')");
    Files.writeString(work.resolve("types.py"), "raise RuntimeError('not the real types')");

    Run run =
        new Program()
            .in(work)
            .run(
                "trace",
                "--model",
                "type:llama",
                "--tiny",
                "--python",
                python,
                "--tracers",
                "torch_dispatch",
                "--new-tokens",
                "2");

    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(work.resolve("outputs/summary.csv")).exists();
  }

  @Test
  void fewerLayersOfASavedConfigurationTakeItsLayerListsAlong() throws Exception {
    Path model = Files.createDirectory(directory.resolve("mödel dir"));
    Files.writeString(
        model.resolve("config.json"),
        """
        {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 64,
         "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 16, "vocab_size": 128, "num_hidden_layers": 4,
         "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"]}
        """);

    Run run =
        new Program()
            .with("LC_ALL", "C")
            .run(
                "trace",
                "--model-path",
                model.toString(),
                "--set",
                "num_hidden_layers=2",
                "--python",
                python,
                "--tracers",
                "torch_dispatch",
                "-o",
                directory.toString());

    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(run.out()).contains("mödel dir", "Qwen3ForCausalLM");
  }

  @Test
  void aKeyInsideAPlainValueIsAUsageError() throws Exception {
    Run run = tiny("llama", directory, "--set", "hidden_size.x=2");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("'hidden_size' is a plain value");
  }

  @Test
  void tinyLeavesTheNumberOfLayersThatTheUserSets() throws Exception {
    Run run =
        tiny(
            "gemma3_text",
            directory,
            "--set",
            "num_hidden_layers=8",
            "--set",
            "rope_parameters.full_attention.rope_theta=5000",
            "--tracers",
            "torch_dispatch");

    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    String counts =
        Files.readString(
            directory.resolve("type/gemma3_text/eval/torch_dispatch/torch_dispatch.json"));
    assertThat(counts).contains("\"count\": 16");
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheNumbers() throws Exception {
    Run run =
        new Program()
            .run(
                "trace",
                "--model",
                "type:llama",
                "--set",
                "num_hidden_layers=2000",
                "--python",
                python,
                "-o",
                directory.toString(),
                "--tracers",
                "torch_profiler");

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.out().replaceAll("\\s+", " "))
        .contains("GiB on cpu", "parameters in float32", "KV cache");
  }

  @Test
  void aGpuThatIsNotThereIsAnEnvironmentError() throws Exception {
    assumeThat(Path.of("/dev/nvidia0")).as("this machine has a GPU").doesNotExist();

    Run run = tiny("llama", directory, "--device", "cuda");

    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains("sees no GPU", "env doctor");
  }

  @Test
  void aModelThatIsNotCachedSaysWhatToDo() throws Exception {
    Run run =
        new Program()
            .with("HF_HUB_CACHE", directory.resolve("hub").toString())
            .run("trace", "--model", "org/name", "--python", python, "--no-download");

    assertThat(run.exitCode()).isEqualTo(4);
    assertThat(run.err()).contains("org/name is not in the Hugging Face cache", "models download");
  }

  private Run tiny(String type, Path outputs, String... more) throws Exception {
    return new Program().runTiny(type, python, outputs, more);
  }

  private Run fromDirectory(Path model) throws Exception {
    return new Program()
        .run(
            "trace",
            "--model-path",
            model.toString(),
            "--python",
            python,
            "--weights",
            "random",
            "--tracers",
            "torch_dispatch",
            "-o",
            directory.toString());
  }
}
