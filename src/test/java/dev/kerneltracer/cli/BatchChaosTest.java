package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A batch of small jobs under `kill -9` of the program, of its warm parent and of children at
/// random moments, over and over; then the same command once more, undisturbed: every job has the
/// files of an undisturbed run, nothing is half written, nothing is left running.
@Tag("soak")
class BatchChaosTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> TYPES =
      List.of(
          "llama",
          "qwen2",
          "qwen3",
          "mistral",
          "gemma",
          "phi",
          "gpt2",
          "gpt_neo",
          "gpt_neox",
          "opt",
          "falcon",
          "bert",
          "roberta",
          "olmo2",
          "mamba");

  /// Kills in a round, of which each is followed by a while in which the batch goes on.
  private static final int KILLS = 3;

  @TempDir Path directory;

  @Test
  void aBatchThatIsKilledOverAndOverEndsWithTheFilesOfAnUndisturbedOne() throws Exception {
    long minutes = Long.getLong("kerneltracer.soakMinutes", 1);
    // The short soak of every test run takes fewer jobs; 30 of them in a long one.
    List<String> types = minutes > 1 ? TYPES : TYPES.subList(0, 5);
    long deadline = System.nanoTime() + Duration.ofMinutes(minutes).toNanos();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    String python = RealPython.transformers().executable().toString();
    Run undisturbed = start(types, python, directory.resolve("undisturbed")).end();
    assertThat(undisturbed.exitCode()).as(undisturbed.err()).isZero();
    Map<String, JsonNode> expected = results(directory.resolve("undisturbed"));
    assertThat(expected).hasSizeGreaterThanOrEqualTo(2 * types.size());

    int rounds = 0;
    int kills = 0;
    Map<String, Integer> victims = new TreeMap<>();
    do {
      String when = "round " + rounds + " of seed " + seed;
      Path outputs = directory.resolve("round" + rounds);
      for (int kill = 0; kill < KILLS; kill++) {
        Running running = start(types, python, outputs);
        running
            .process()
            .waitFor(1_500 + random.nextInt(500 * types.size() + 4_000), TimeUnit.MILLISECONDS);
        boolean alive = running.process().isAlive();
        List<Long> living = new ArrayList<>(running.targets());
        boolean program = living.isEmpty() || random.nextInt(4) == 0;
        long victim = program ? running.process().pid() : living.get(random.nextInt(living.size()));
        String kind = kind(victim, program);
        new ProcessBuilder("kill", "-9", String.valueOf(victim)).start().waitFor();
        if (alive) {
          kills++;
          victims.merge(kind, 1, Integer::sum);
        }
        if (!program) {
          // The batch goes on without the victim: one more, and then the program itself.
          Thread.sleep(random.nextInt(3_000));
          new ProcessBuilder("kill", "-9", String.valueOf(running.process().pid()))
              .start()
              .waitFor();
        }
        running.end();
        assertThat(running.left()).as(when + " after " + kind).isEmpty();
        assertNoLies(outputs, expected, when);
      }

      Running last = start(types, python, outputs);
      Run again = last.end();
      assertThat(again.exitCode()).as("%s: %s%s", when, again.err(), again.out()).isZero();
      assertThat(last.left()).as(when).isEmpty();
      assertThat(results(outputs)).as(when).isEqualTo(expected);
      try (Stream<Path> files = Files.walk(outputs)) {
        assertThat(files).as(when).noneMatch(file -> file.toString().contains(".partial"));
      }
      assertThat(Files.readAllLines(outputs.resolve("summary.csv")))
          .as(when)
          .hasSize(1 + 2 * types.size());
      rounds++;
    } while (System.nanoTime() < deadline);
    System.out.println(
        rounds
            + " rounds of "
            + 2 * types.size()
            + " jobs, "
            + kills
            + " kills "
            + victims
            + ", seed "
            + seed);
  }

  /// What has been said to have succeeded before the last run has its files already.
  private static void assertNoLies(Path outputs, Map<String, JsonNode> expected, String when)
      throws IOException {
    if (!Files.exists(outputs)) {
      return;
    }
    results(outputs)
        .forEach((name, value) -> {
          if (Files.exists(outputs.resolve(name).resolveSibling("_TRACE_STATUS.json"))) {
            assertThat(value).as(when + ": " + name).isEqualTo(expected.get(name));
          }
        });
  }

  private static Running start(List<String> types, String python, Path outputs) throws IOException {
    return new Program()
        .start(
            "trace",
            "--models",
            String.join(",", types.stream().map(type -> "type:" + type).toList()),
            "--tiny",
            "--tracers",
            "torch_dispatch,torch_profiler",
            "--jobs",
            "2",
            "--retries",
            "2",
            "--new-tokens",
            "2",
            "--python",
            python,
            "-o",
            outputs.toString());
  }

  private static String kind(long pid, boolean program) {
    if (program) {
      return "program";
    }
    try {
      String line = Files.readString(Path.of("/proc", String.valueOf(pid), "cmdline"));
      String stat = Files.readString(Path.of("/proc", String.valueOf(pid), "stat"));
      String parent = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[1];
      String above = Files.readString(Path.of("/proc", parent, "cmdline"));
      return line.contains("--warm") && !above.contains("--warm") ? "warm parent" : "fork";
    } catch (IOException e) {
      return "gone";
    }
  }

  /// Every result file but for times: dispatch counts as they are, of a profile the operators with
  /// calls and shapes.
  private static Map<String, JsonNode> results(Path outputs) throws IOException {
    Map<String, JsonNode> found = new TreeMap<>();
    List<Path> files;
    try (Stream<Path> all = Files.walk(outputs)) {
      files = all.toList();
    }
    for (Path file : files) {
      String name = file.getFileName().toString();
      if (name.equals("torch_dispatch.json") || name.equals("torch_profile.json")) {
        JsonNode content = JSON.readTree(Files.readString(file));
        if (name.equals("torch_profile.json")) {
          content = callsByShape(content);
        }
        found.put(outputs.relativize(file).toString(), content);
      }
    }
    return found;
  }

  /// Rows of one operator stand in the order of their times.
  private static JsonNode callsByShape(JsonNode profile) {
    ObjectNode calls = JSON.createObjectNode();
    profile.forEachEntry((operator, rows) -> {
      List<String> lines = new ArrayList<>();
      rows.forEach(row -> lines.add(row.path("count") + " " + row.path("input_shapes")));
      lines.sort(null);
      calls.put(operator, String.join("\n", lines));
    });
    return calls;
  }
}
