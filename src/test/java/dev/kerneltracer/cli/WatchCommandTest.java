package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// How `watch` runs a command, whatever it is: the packaged program over small shell scripts.
@Tag("real")
class WatchCommandTest {
  @TempDir Path directory;

  @Test
  void theCommandGetsItsWordsTheVariablesAndTheExitCodeIsIts() throws Exception {
    Run run =
        new Program()
            .with("VLLM_PLUGINS", "mine")
            .with("PYTHONPATH", "/before")
            .run(
                "watch",
                "-o",
                directory.toString(),
                "--track",
                "kv,scheduler",
                "--interval",
                "5",
                "sh",
                "-c",
                "echo \"$0 $1|$PYTHONPATH|$VLLM_PLUGINS|$VLLM_PROFILING_TRACK|$VLLM_PROFILING_LOG_INTERVAL\"; exit 7",
                "--track",
                "--help");

    assertThat(run.exitCode()).as(run.err()).isEqualTo(7);
    assertThat(run.out())
        .containsPattern(
            "--track --help\\|/.*/probe/[0-9a-f]+:/before\\|mine,kerneltracer_watch\\|kv,scheduler\\|5");
    assertThat(run.err()).contains("nothing was recorded", "--probe-env");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aSignalGoesToTheCommandAndItsOwnEndIsWaitedFor() throws Exception {
    for (String signal : List.of("TERM", "INT", "HUP")) {
      Path ready = directory.resolve("ready " + signal);
      Running running =
          new Program()
              .startedBy("setsid") // no terminal: none has told the command already
              .start(
                  "watch",
                  "-o",
                  directory.toString(),
                  "--",
                  "sh",
                  "-c",
                  "trap 'echo got; exit 9' "
                      + signal
                      + "; : > \"$0\"; while :; do sleep 0.05; done",
                  ready.toString());
      running.awaitFile(ready);
      kill(signal, running.process().pid());
      Run run = running.end();

      assertThat(run.exitCode()).as(signal + " " + run.err()).isEqualTo(9);
      assertThat(run.out()).contains("got");
    }
  }

  @Test
  void theCommandOutlivesUs() throws Exception {
    Path ready = directory.resolve("ready");
    Path go = directory.resolve("go");
    Path done = directory.resolve("done");
    Running running =
        new Program()
            .start(
                "watch",
                "-o",
                directory.resolve("sessions").toString(),
                "--",
                "sh",
                "-c",
                ": > \"$0\"; while [ ! -e \"$1\" ]; do sleep 0.05; done; : > \"$2\"",
                ready.toString(),
                go.toString(),
                done.toString());
    running.awaitFile(ready);
    running.process().destroyForcibly().waitFor();
    Files.createFile(go);
    for (int i = 0; i < 1200 && !Files.exists(done); i++) {
      Thread.sleep(50);
    }

    assertThat(done).exists();
    assertThat(running.left()).isEmpty();
  }

  @Test
  void theVariablesArePrintedForWhateverStartsTheServer() throws Exception {
    Program program = new Program().with("VLLM_PROFILING_DIR", directory + "/my 'sessions'");
    String shell = program.run("watch", "--probe-env", "--track", "kv").out();
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                "PYTHONPATH=/x VLLM_PLUGINS=; export PYTHONPATH VLLM_PLUGINS; "
                    + shell
                    + "\necho \"$PYTHONPATH|$VLLM_PLUGINS|$VLLM_PROFILING_DIR|$VLLM_PROFILING_TRACK\"")
            .start();
    String seen = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(seen)
        .containsPattern("/probe/[0-9a-f]+:/x\\|kerneltracer_watch\\|.*/my 'sessions'\\|kv");
    JsonNode json = new JsonMapper().readTree(program.run("watch", "--probe-env=json").out());
    assertThat(json.path("VLLM_PROFILING_DIR").asString()).endsWith("/my 'sessions'");
    assertThat(json.path("KERNELTRACER_WATCH_TABLES").asString()).isEqualTo("1");
    Path probe = Path.of(json.path("PYTHONPATH").asString().split(":", -1)[0]);
    assertThat(probe.resolve("kerneltracer_watch-1.0.dist-info/entry_points.txt"))
        .content()
        .contains("vllm.general_plugins");
    assertThat(new Program().run("watch", "--probe-env=docker").out())
        .startsWith("-v " + probe + ":" + probe + ":ro ");
    assertThat(program.run("watch", "--probe-env=systemd").out())
        .contains("Environment=\"PYTHONPATH=" + probe);
  }

  @Test
  void mistakesAreToldInALine() throws Exception {
    Run nothing = new Program().run("watch");
    assertThat(nothing.exitCode()).isEqualTo(2);
    assertThat(nothing.err()).contains("name the command to run");
    Run track = new Program().run("watch", "--track", "graphs,cake", "--", "true");
    assertThat(track.exitCode()).isEqualTo(2);
    assertThat(track.err()).contains("no 'cake'", "graphs, kv, scheduler, requests, moe");
    Run absent =
        new Program()
            .run("watch", "-o", directory.toString(), "--", directory + "/no-such-program");
    assertThat(absent.exitCode()).isEqualTo(2);
    assertThat(absent.err()).contains("cannot start").doesNotContain("at dev.kerneltracer");
    assertThat(filesIn(directory)).isZero();
  }

  private static long filesIn(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.count();
    }
  }

  private static void kill(String signal, long pid) throws Exception {
    assertThat(new ProcessBuilder("kill", "-" + signal, String.valueOf(pid)).start().waitFor())
        .isZero();
  }
}
