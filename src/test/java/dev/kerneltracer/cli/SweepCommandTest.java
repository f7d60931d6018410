package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Sweeps of a small model in the real vLLM on the CPU. A start of the engine takes a while, so
/// each says much.
@Tag("real")
class SweepCommandTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path directory;

  private String[] command(String kind, String... more) {
    List<String> words = new ArrayList<>(List.of("sweep", kind, "--model", "type:qwen3", "--tiny"));
    words.addAll(List.of("--python", RealPython.vllm().executable().toString()));
    words.addAll(List.of("--output-dir", directory.toString(), "--max-model-len", "64"));
    words.addAll(List.of("--steps", "3", "--warmup", "2", "--format", "json"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  /// Five blocks, of which one is never given out: five sequences never fit.
  private String[] decode(String batch) {
    return command(
        "decode",
        "--batch",
        batch,
        "--input",
        "8",
        "--output",
        "12",
        "--patience",
        "1",
        "--engine-arg",
        "num_gpu_blocks_override=5");
  }

  @Test
  void decodeStepsAreExactAddUpAndAreNotRunTwice() throws Exception {
    Running first = new Program().start(decode("1,2..4,5"));
    Run run = first.end();

    // Five never were together: nothing stalled, all their steps were thrown away.
    assertThat(run.exitCode()).as(run.err() + run.out()).isEqualTo(1);
    assertThat(run.err()).contains("1 of 4 sizes were not exact");
    assertThat(first.left()).isEmpty();
    JsonNode runs = JSON.readTree(run.out()).path("runs");
    assertThat(runs).hasSize(4);
    for (JsonNode size : runs) {
      boolean fits = size.path("batch").asInt() < 5;
      assertThat(size.path("steps").asInt()).isEqualTo(fits ? 3 : 0);
      assertThat(size.path("exact").asInt()).isEqualTo(fits ? 11 : 0);
      assertThat(size.path("inexact").asInt() > 0).isEqualTo(!fits);
      assertThat(size.path("let_go").asInt()).isEqualTo(fits ? 0 : 1);
    }
    assertThat(directory.resolve("logs_5/trace_1.json.gz")).doesNotExist();
    assertRowsAddUp(List.of(1, 2, 4));

    // What is there is not run again: no process is started, which would write a log.
    Files.delete(directory.resolve("job.log"));
    String before = Files.readString(directory.resolve("op_times.tsv"));
    Run again = new Program().run(decode("1,2..4"));
    assertThat(again.exitCode()).as(again.err() + again.out()).isZero();
    assertThat(directory.resolve("job.log")).doesNotExist();
    assertThat(directory.resolve("op_times.tsv")).hasContent(before);
    assertThat(directory.resolve("op_times.svg")).content().contains("</svg>");
    assertThat(Files.readAllLines(directory.resolve("roofline.csv")).getFirst())
        .startsWith("batch_size,op_type,time_ns,flops,bytes,flops_per_byte");

    // The same tables from the traces alone.
    Files.delete(directory.resolve("op_times.tsv"));
    Run tables = new Program().run("sweep", "tables", directory.toString());
    assertThat(tables.out()).contains("batch", "paged_attention");
    assertThat(directory.resolve("op_times.tsv")).hasContent(before);

    assertThat(tables.exitCode()).as(tables.err()).isZero();
    Process check =
        new ProcessBuilder(
                "python3",
                Path.of(System.getProperty("kerneltracer.root", "."))
                    .resolve("scripts/check-gpu-sweep")
                    .toString(),
                "--only",
                directory.toString())
            .redirectErrorStream(true)
            .start();
    String checked = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(check.waitFor()).as(checked).isZero();

    // Ctrl-C while the engine starts for another size: what was there stays.
    Running cut = new Program().start(decode("1,2..4,3"));
    cut.awaitFile(directory.resolve("job.log"));
    new ProcessBuilder("kill", "-INT", String.valueOf(cut.process().pid())).start().waitFor();
    Run interrupted = cut.end();
    assertThat(interrupted.exitCode()).as(interrupted.err()).isEqualTo(130);
    assertThat(cut.left()).isEmpty();
    assertThat(directory.resolve("logs_3/size.json")).doesNotExist();
    assertThat(directory.resolve("logs_4/size.json")).exists();
  }

  @Test
  void prefillsOfSeveralLengthsAreExact() throws Exception {
    Run run = new Program().run(command("prefill", "--batch", "1,3", "--input", "5,8"));

    assertThat(run.exitCode()).as(run.err() + run.out()).isZero();
    for (int input : List.of(5, 8)) {
      for (int batch : List.of(1, 3)) {
        Path folder = directory.resolve("input_" + input).resolve("logs_" + batch);
        for (int step = 1; step <= 3; step++) {
          assertThat(stepNames(folder.resolve("trace_" + step + ".json.gz")))
              .containsExactly(
                  "execute_context_" + batch + "(" + batch * input + ")_generation_0(0)");
        }
      }
      assertThat(directory.resolve("input_" + input).resolve("op_times.tsv")).exists();
      assertThat(directory.resolve("input_" + input).resolve("roofline.csv")).exists();
    }
  }

  /// Against the traces read in another way: what the outermost operators of a step take.
  private void assertRowsAddUp(List<Integer> batches) throws IOException {
    List<String> rows = Files.readAllLines(directory.resolve("op_times_detailed.tsv"));
    assertThat(rows).hasSize(batches.size() + 1);
    for (int i = 0; i < batches.size(); i++) {
      int batch = batches.get(i);
      double[] sums = new double[3];
      for (int step = 0; step < 3; step++) {
        Path trace = directory.resolve("logs_" + batch + "/trace_" + (step + 1) + ".json.gz");
        assertThat(stepNames(trace))
            .containsExactly("execute_context_0(0)_generation_" + batch + "(" + batch + ")");
        sums[step] = operatorMilliseconds(trace);
      }
      Arrays.sort(sums);
      double[] row =
          Arrays.stream(rows.get(i + 1).split("\t", -1)).mapToDouble(Double::parseDouble).toArray();
      assertThat(row[0]).isEqualTo(batch);
      assertThat(Arrays.stream(row).skip(1).sum()).isCloseTo(sums[1], within(sums[1] / 100));
    }
  }

  private static List<JsonNode> events(Path trace) throws IOException {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(trace))) {
      return JSON.readTree(in).path("traceEvents").valueStream().toList();
    }
  }

  private static List<String> stepNames(Path trace) throws IOException {
    return events(trace).stream()
        .map(event -> event.path("name").asString(""))
        .filter(name -> name.startsWith("execute_"))
        .toList();
  }

  private static double operatorMilliseconds(Path trace) throws IOException {
    List<JsonNode> operators =
        events(trace).stream()
            .filter(event -> event.path("cat").asString("").equals("cpu_op"))
            .filter(event -> !event.path("name").asString("").startsWith("kerneltracer."))
            .sorted(Comparator.comparingDouble(event -> event.path("ts").asDouble()))
            .toList();
    double sum = 0;
    double end = Double.NEGATIVE_INFINITY;
    for (JsonNode operator : operators) {
      double start = operator.path("ts").asDouble();
      if (start >= end) {
        sum += operator.path("dur").asDouble();
        end = start + operator.path("dur").asDouble();
      }
    }
    return sum / 1e3;
  }
}
