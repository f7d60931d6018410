package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whatever a file holds, reading it ends, soon, and within the heap it was given.
class HostileTraceTest {
  private static final String HEAP = "-Xmx256m";

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  @Tag("soak")
  void inputOfAnySizeIsReadWithLittleMemory(HostileInput input) throws Exception {
    String said = readInLittleHeap(input);

    assertThat(said).matches("(read|refused:) .*");
    switch (input) {
      case SPACES_BETWEEN_EVENTS -> assertThat(said).contains("read 2 rows", "complete true");
      case TINY_EVENTS, MEMORY_REPORTS, FLOWS -> assertThat(said).contains("TOO_MANY_EVENTS");
      case LONG_STRING, LONG_KEY, LONG_NUMBER, LONG_SPACE, LONG_LIST, LONG_ESCAPED_STRING ->
          assertThat(said).contains("read 2 rows", "faults 1 [TOO_LARGE]", "complete false");
      case DEEP_OBJECTS -> assertThat(said).contains("read 2 rows", "faults 1 [TOO_DEEP]");
      case LARGE_METADATA, MANY_METADATA, MANY_DEVICES -> assertThat(said).contains("read 1 rows");
      case DISTINCT_NAMES -> assertThat(said).doesNotContain("texts lost 0,");
      case NESTED_OPERATORS -> assertThat(said).contains("read 1000001 rows", "faults 0 []");
      case HIGH_IDS -> assertThat(said).contains("kernel time 600001500", "complete true");
      default -> {}
    }
  }

  private String readInLittleHeap(HostileInput input) throws Exception {
    Path said = directory.resolve("said");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                HEAP,
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                HostileInput.class.getName(),
                input.name())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    try {
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return Files.readString(said).strip();
  }

  @Test
  @Timeout(60)
  void interruptedWhileItWaitsForAPipeTheReaderEndsWithAllItsThreads() throws Exception {
    try (PipedOutputStream silent = new PipedOutputStream();
        PipedInputStream in = new PipedInputStream(silent)) {
      assertThat(interrupted(() -> TraceReader.read(in, "pipe")).exitCode())
          .isEqualTo(ExitCode.INTERRUPTED);
    }
    awaitNoReaders();
  }

  @Test
  @Timeout(60)
  void interruptedWhileANamedPipeStandsStillTheReaderEndsWithAllItsThreads() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    Thread writer =
        Thread.ofVirtual()
            .start(() -> {
              try (OutputStream out = Files.newOutputStream(pipe)) {
                out.write("[{\"ph\":\"X\"},".getBytes(StandardCharsets.UTF_8));
                out.flush();
                Thread.sleep(60_000);
              } catch (IOException | InterruptedException e) {
                // The test has ended.
              }
            });

    assertThat(interrupted(() -> TraceReader.read(pipe)).exitCode())
        .isEqualTo(ExitCode.INTERRUPTED);

    awaitNoReaders();
    writer.interrupt();
  }

  @Test
  @Timeout(60)
  void interruptedInTheMidstOfALongTraceTheReaderEnds() throws Exception {
    UserException said =
        interrupted(() -> TraceReader.read(HostileInput.SPACES_BETWEEN_EVENTS.open(), "bomb"));

    assertThat(said.exitCode()).isEqualTo(ExitCode.INTERRUPTED);
    awaitNoReaders();
  }

  @Test
  @Timeout(60)
  void aPipeThatDeliversSlowlyIsReadWhole() throws Exception {
    byte[] text = TestTraces.text("cuda_graph_replay");
    try (PipedOutputStream out = new PipedOutputStream();
        PipedInputStream in = new PipedInputStream(out, 100)) {
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try (out) {
                  for (int at = 0; at < text.length; at += 997) {
                    out.write(text, at, Math.min(997, text.length - at));
                    out.flush();
                  }
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      Trace trace = TraceReader.read(in, "slow pipe");
      writer.join();

      assertThat(trace.trust().complete()).isTrue();
      assertThat(TraceValues.rows(trace))
          .isEqualTo(TraceValues.rows(TraceReader.read(TestTraces.trace("cuda_graph_replay"))));
    }
    awaitNoReaders();
  }

  @Test
  void aReadErrorEndsTheReadingInOneLine() {
    assertThatThrownBy(() -> TraceReader.read(directory))
        .isInstanceOf(UserException.class)
        .hasMessageNotContaining("\n");
    awaitNoReaders();
  }

  /// What is thrown by something that waits, when its thread is interrupted.
  private static UserException interrupted(Reading reading) throws InterruptedException {
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                reading.read();
              } catch (UserException | IOException e) {
                thrown.set(e);
              }
            });
    Thread.sleep(300);
    thread.interrupt();
    thread.join(20_000);
    assertThat(thread.isAlive()).isFalse();
    assertThat(thrown.get()).isInstanceOf(UserException.class);
    return (UserException) Objects.requireNonNull(thrown.get());
  }

  private interface Reading {
    Trace read() throws IOException;
  }

  private static void awaitNoReaders() {
    for (int i = 0; i < 100 && readers() > 0; i++) {
      try {
        Thread.sleep(100);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    assertThat(readers()).isZero();
  }

  private static long readers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("trace reader "))
        .count();
  }
}
