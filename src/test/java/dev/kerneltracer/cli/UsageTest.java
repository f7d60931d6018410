package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a user meets before anything runs. Tagged `real` because it needs the packaged program.
@Tag("real")
class UsageTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "trace --help",
        "analyze --help",
        "load --help",
        "sweep --help",
        "sweep decode --help",
        "sweep prefill --help",
        "sweep tables --help",
        "env --help",
        "env doctor --help",
        "models --help",
        "models download --help",
        "models check --help"
      })
  void everyHelpFitsTheTerminalAndHasAnExample(String line) throws Exception {
    Run run = new Program().run(line.split(" ", -1));

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("Usage: kerneltracer", "Example");
    assertThat(run.out().lines()).allMatch(text -> text.length() <= 80);
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "trce,trace",
    "trace --modl x,--model",
    "trace --model type:llama --batch 0,--batch must be at least 1",
    "trace --model type:llama --batch many,--batch",
    "trace --model type:llama --device tpu,'cpu, cuda or auto'",
    "trace --model type:llama --set layers,KEY=VALUE",
    "trace --model type:llama --weights real,has no weights",
    "trace --model type:llama --tracers nsys,'torch_profiler, torch_dispatch'",
    "trace --model type:../x,names no model type",
    "trace --model ../x,no model name",
    "trace --model type:llama --timeout 0,--timeout",
    "trace --model type:llama --timeout 99999999999999,--timeout",
    "trace --model type:llama --top 0,--top",
    "'trace --model type:llama --tracers ,',no tracer",
    "trace --model type:llama --jobs 0,--jobs is from 1",
    "trace --model type:llama --retries -1,--retries is from 0",
    "trace --model type:*,not for model types",
    "trace --model no/such-*,matches no model",
    "trace --model type:llama --skip-model type:l*,every model named",
    "trace --model type:llama --models type:qwen3 --layout flat,would write to",
    "trace --framework jax --model type:llama,'huggingface, vllm'",
    "trace --model type:llama --max-model-len 64,--framework vllm",
    "trace --framework vllm --model type:llama --max-model-len 0,--max-model-len must be",
    "trace --framework vllm --model type:llama --gpu-memory-utilization 2,at most 1",
    "trace --framework vllm --model type:llama --engine-arg seed,KEY=VALUE",
    "trace --framework vllm --model type:llama --tracers torch_profiler,vllm_profiler",
    "trace --framework vllm --model type:llama --mode train,trains none",
    "trace --model type:llama --mode tune,'eval, train or eval,train'",
    "trace --model type:llama --tracer-path /nowhere,/nowhere",
    "trace,needs a model",
    "sweep decode,needs a model",
    "'sweep decode --model type:llama,type:qwen3',takes one model",
    "sweep decode --model type:llama --batch 8..1,backwards",
    "sweep decode --model type:llama --output 5,at least 11 tokens",
    "sweep decode --model type:llama --timeout 99999999999999,--timeout",
    "sweep decode --model type:llama --weights real,has no weights",
    "sweep prefill --model type:llama --input 0,--input takes numbers",
    "sweep tables,DIR",
    "analyze,FILE",
    "load,--url",
    "models download,NAME",
    "models download org/name --download-workers 0,--download-workers",
    "analyze x.json --stpes 3,--steps"
  })
  void aWrongCommandLineSaysWhatIsWrong(String line, String word) throws Exception {
    Run run = new Program().run(line.split(" ", -1));

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(word).doesNotContain("\tat ");
    assertThat(run.err().lines()).hasSizeLessThanOrEqualTo(3);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void completionIsAScriptThatBashAccepts() throws Exception {
    Path script = directory.resolve("completion");
    Files.writeString(script, new Program().run("completion").out());

    Process bash = new ProcessBuilder("bash", "-n", script.toString()).start();

    assertThat(bash.waitFor()).isZero();
    assertThat(Files.readString(script)).contains("--prompt-tokens", "--kernel-events");
  }

  @Test
  void theBuildMadeTheCachesThatTheLauncherUses() throws Exception {
    Path app = Path.of(System.getProperty("kerneltracer.root", "."), "target/app");
    String id = Files.readString(app.resolve("lib/build-id")).strip();
    try (Stream<Path> caches = Files.list(app.resolve("aot"))) {
      assertThat(caches.map(file -> file.getFileName().toString()).sorted().toList())
          .isEqualTo(List.of(id + "-help.aot", id + "-work.aot"));
    }
  }
}
