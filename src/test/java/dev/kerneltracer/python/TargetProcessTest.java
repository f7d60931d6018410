package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Real Python processes under the real supervisor; no torch.
class TargetProcessTest {
  private static final Path PYTHON = Path.of("python3");

  @TempDir Path directory;
  private Path probe;
  private final List<ProbeEvent> heard = new ArrayList<>();

  @BeforeEach
  void unpack() {
    probe = ProbeFiles.unpack(directory.resolve("cache"));
  }

  @Test
  void eventsOutputAndExitCodeComeHome() throws Exception {
    ProcessEnd end =
        run(
            """
            import os, sys
            sys.path.insert(0, os.environ["PROBE"])
            from kerneltracer_probe import report
            report.open_pipe()
            report.phase("building")
            print("to the log")
            print("to the log too", file=sys.stderr)
            sys.exit(3)
            """,
            Duration.ofSeconds(30));

    assertThat(end.exitCode()).isEqualTo(3);
    assertThat(end.signal()).isNull();
    assertThat(end.timedOut()).isFalse();
    assertThat(end.peakRssBytes()).isPositive();
    assertThat(heard)
        .filteredOn(event -> event.name().equals("phase"))
        .extracting(event -> event.text("phase"))
        .containsExactly("building");
    assertThat(log()).contains("to the log", "to the log too");
  }

  @Test
  void aSignalThatEndsTheTargetIsNamed() throws Exception {
    ProcessEnd end =
        run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Duration.ofSeconds(30));

    assertThat(end.signal()).isEqualTo(11);
    assertThat(end.exitCode()).isNull();
  }

  @Test
  void aTreeThatIgnoresSigtermEndsAtItsTimeout() throws Exception {
    long before = System.nanoTime();
    ProcessEnd end = run(DEAF_TREE, Duration.ofSeconds(4));

    assertThat(end.timedOut()).isTrue();
    assertThat(end.signal()).isEqualTo(9);
    assertThat(Duration.ofNanos(System.nanoTime() - before))
        .isLessThan(TargetProcess.GRACE.plusSeconds(60));
    assertNothingIsLeft();
  }

  @Test
  void whatTheTargetLeavesBehindInAnotherSessionIsEnded() throws Exception {
    ProcessEnd end =
        run(
            """
            import os, time
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
                    time.sleep(600)
                os._exit(0)
            os.wait()
            time.sleep(0.3)
            """,
            Duration.ofSeconds(30));

    assertThat(end.exitCode()).isZero();
    assertThat(end.stragglers()).isEqualTo(1);
    assertNothingIsLeft();
  }

  @Test
  void anInterruptEndsTheTreeBeforeItIsThrown() throws Exception {
    TargetProcess process = start(DEAF_TREE);
    awaitPids(3);
    Thread.currentThread().interrupt();

    assertThatThrownBy(() -> process.await(Duration.ofSeconds(60), heard::add))
        .isInstanceOf(InterruptedException.class);

    assertNothingIsLeft();
  }

  @Test
  void aKilledSupervisorTakesTheTreeWithIt() throws Exception {
    TargetProcess process = start(DEAF_TREE);
    awaitPids(3);
    long supervisor =
        ProcessHandle.current()
            .children()
            .filter(child -> isOurSupervisor(child))
            .findFirst()
            .orElseThrow()
            .pid();
    new ProcessBuilder("kill", "-9", String.valueOf(supervisor)).start().waitFor();

    ProcessEnd end = process.await(Duration.ofSeconds(60), heard::add);

    assertThat(end).isEqualTo(ProcessEnd.unseen());
    assertNothingIsLeft();
  }

  @Test
  void anInterpreterThatIsNoneIsAnEnvironmentError() {
    assertThatThrownBy(() ->
            TargetProcess.start(
                Path.of("/nonexistent/python"),
                probe,
                List.of(),
                Map.of(),
                directory.resolve("log")))
        .hasMessageContaining("/nonexistent/python");
  }

  /// Three generations, each deaf to SIGTERM and SIGINT, the last in a session of its own.
  private static final String DEAF_TREE =
      """
      import os, signal, time
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      signal.signal(signal.SIGINT, signal.SIG_IGN)
      open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
      if os.fork() == 0:
          open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
          if os.fork() == 0:
              os.setsid()
              open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
      while True:
          time.sleep(60)
      """;

  private TargetProcess start(String script) throws IOException {
    Path file = directory.resolve("target.py");
    Files.writeString(file, script);
    return TargetProcess.start(
        PYTHON,
        probe,
        List.of(file.toString()),
        Map.of("PIDS", pids().toString(), "PROBE", probe.toString()),
        directory.resolve("job.log"));
  }

  private ProcessEnd run(String script, Duration timeout) throws Exception {
    return start(script).await(timeout, heard::add);
  }

  /// By its log file: other tests may have supervisors at the same time.
  private boolean isOurSupervisor(ProcessHandle child) {
    String line = child.info().commandLine().orElse("");
    return line.contains("supervisor.py") && line.contains(directory.toString());
  }

  private Path pids() {
    return directory.resolve("pids");
  }

  private String log() throws IOException {
    return Files.readString(directory.resolve("job.log"));
  }

  private void awaitPids(int count) throws Exception {
    for (int i = 0; i < 300; i++) {
      if (Files.exists(pids()) && Files.readAllLines(pids()).size() >= count) {
        return;
      }
      Thread.sleep(100);
    }
    throw new AssertionError("the target did not start: " + log());
  }

  private void assertNothingIsLeft() throws Exception {
    List<String> pids = Files.readAllLines(pids());
    assertThat(pids).isNotEmpty();
    for (int i = 0; i < 50 && pids.stream().anyMatch(TargetProcessTest::isAlive); i++) {
      Thread.sleep(100);
    }
    assertThat(pids).noneMatch(TargetProcessTest::isAlive);
  }

  /// A dead orphan may stay a zombie where nothing reaps it: that is gone, too.
  private static boolean isAlive(String pid) {
    try {
      String stat = Files.readString(Path.of("/proc", pid, "stat"));
      return !stat.substring(stat.lastIndexOf(')') + 2).startsWith("Z");
    } catch (IOException e) {
      return false;
    }
  }
}
