package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.Program.Run;
import dev.kerneltracer.cli.Program.Running;
import dev.kerneltracer.trace.TestTraces;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What of `analyze` only a process shows: standard input and signals.
@Tag("real")
class AnalyzeProgramTest {
  @TempDir Path directory;

  @Test
  void aTraceIsReadFromAPipe() throws Exception {
    Run run =
        new Program()
            .startedBy("sh", "-c", "cat \"$0\" | \"$1\" analyze -", trace("tp_rank0"))
            .run();

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("standard input, rank 0", "576 kernels");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "16m", "0g", "5g3", "99999g", "some"})
  void aMemoryThatJavaCannotStartWithIsRefusedInWords(String size) throws Exception {
    Run run = new Program().run("analyze", trace("tp_rank0"), "--memory", size);

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).startsWith("kerneltracer: --memory is no size to work with: " + size);
  }

  @Test
  void whatCannotBePrintedIsNoSuccess() throws Exception {
    Run run =
        new Program()
            .startedBy("sh", "-c", "exec \"$0\" analyze \"$1\" >/dev/full")
            .start(trace("tp_rank0"))
            .end();

    assertThat(run.exitCode()).isEqualTo(1);
  }

  @Test
  void interruptedWhileItWaitsForInputItLeavesNoFile() throws Exception {
    Path tables = directory.resolve("tables");
    Running running =
        new Program()
            .startedBy("sh", "-c", "sleep 60 | exec \"$0\" analyze \"$1\" - -o \"$2\"")
            .start(trace("tp_rank0"), tables.toString());
    running.awaitFile(tables);
    Thread.sleep(500);
    long java =
        running
            .process()
            .descendants()
            .filter(AnalyzeProgramTest::isJava)
            .findFirst()
            .orElseThrow()
            .pid();

    new ProcessBuilder("kill", "-INT", String.valueOf(java)).start().waitFor();

    running.process().descendants().filter(p -> !isJava(p)).forEach(ProcessHandle::destroy);
    assertThat(running.end().exitCode()).isEqualTo(130);
    try (Stream<Path> left = Files.list(tables)) {
      assertThat(left).isEmpty();
    }
  }

  private static boolean isJava(ProcessHandle process) {
    return process.info().command().orElse("").endsWith("java");
  }

  private static String trace(String name) throws IOException {
    return TestTraces.trace(name).toRealPath().toString();
  }
}
