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
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Kills the program, its warm parent, its supervisor or its target at random moments, over and
/// over: nothing stays behind, no status lies, and the next run makes the same files as an
/// undisturbed one.
@Tag("soak")
class ChaosTest {
  private static final Duration TIME =
      Duration.ofMinutes(Long.getLong("kerneltracer.soakMinutes", 1));

  @TempDir Path directory;

  @Test
  void killsAtRandomMomentsHarmNoLaterRun() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    String python = RealPython.transformers().executable().toString();
    run(python, directory.resolve("undisturbed"), "--no-warm-start").end();
    String expected = counts(directory.resolve("undisturbed"));

    long deadline = System.nanoTime() + TIME.toNanos();
    int rounds = 0;
    int killed = 0;
    do {
      Path outputs = directory.resolve("round" + rounds);
      String start = random.nextBoolean() ? "--warm-start" : "--no-warm-start";
      Running running = run(python, outputs, start);
      Thread.sleep(random.nextInt(7_000));
      List<Long> victims = new ArrayList<>(running.targets());
      victims.add(running.process().pid());
      long victim = victims.get(random.nextInt(victims.size()));
      killed += running.process().isAlive() ? 1 : 0;
      new ProcessBuilder("kill", "-9", String.valueOf(victim)).start().waitFor();
      running.end();

      assertThat(running.left()).as("left in round %d of seed %d", rounds, seed).isEmpty();
      if (Files.exists(results(outputs).resolve("_TRACE_STATUS.json"))) {
        assertThat(counts(outputs)).isEqualTo(expected);
      }
      Run again = run(python, outputs, start).end();
      assertThat(again.exitCode())
          .as("round %d of seed %d: %s", rounds, seed, again.err())
          .isZero();
      assertThat(counts(outputs)).isEqualTo(expected);
      try (Stream<Path> files = Files.walk(outputs)) {
        assertThat(files).noneMatch(file -> file.toString().contains(".partial"));
      }
      rounds++;
    } while (System.nanoTime() < deadline);
    System.out.println(
        rounds + " rounds, " + killed + " of them killed in the middle, seed " + seed);
  }

  private static Running run(String python, Path outputs, String start) throws IOException {
    return new Program()
        .start(
            "trace",
            start,
            "--model",
            "type:gpt2",
            "--tiny",
            "--tracers",
            "torch_dispatch",
            "--python",
            python,
            "--new-tokens",
            "3",
            "-o",
            outputs.toString());
  }

  private static Path results(Path outputs) {
    return outputs.resolve("type/gpt2/eval/torch_dispatch");
  }

  private static String counts(Path outputs) throws IOException {
    return Files.readString(results(outputs).resolve("torch_dispatch.json"));
  }
}
