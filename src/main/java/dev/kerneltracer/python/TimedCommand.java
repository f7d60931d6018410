package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// A short question to another program. It can hang us no longer than its limit, whatever the
/// program and its children do with their pipes.
final class TimedCommand {
  private static final int MOST_BYTES = 1 << 20;

  /// What the program said.
  ///
  /// @param exitCode meaningless when `timedOut`
  record Answer(int exitCode, boolean timedOut, String output, String errors) {
    boolean isOk() {
      return !timedOut && exitCode == 0;
    }

    /// The last line of the errors, which in Python names the exception.
    String lastError() {
      return errors.lines().filter(l -> !l.isBlank()).reduce("", (_, last) -> last).strip();
    }
  }

  private TimedCommand() {}

  /// @throws IOException where the program cannot be started
  static Answer run(List<String> command, Map<String, String> environment, Duration limit)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
    Process process = builder.start();
    Capture output = Capture.of(process.getInputStream());
    Capture errors = Capture.of(process.getErrorStream());
    try {
      boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
      return new Answer(ended ? process.exitValue() : -1, !ended, output.text(), errors.text());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserException(ExitCode.INTERRUPTED, "interrupted", null, e);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /// Reads one pipe on a thread of its own; a grandchild may keep it open after the program ended.
  private static final class Capture {
    private final byte[] bytes = new byte[MOST_BYTES];
    private final Thread thread;
    private volatile int length;

    private Capture(InputStream in) {
      thread =
          Thread.startVirtualThread(() -> {
            byte[] rest = new byte[8192];
            int filled = 0;
            try (in) {
              while (true) {
                int room = bytes.length - filled;
                int n = room > 0 ? in.read(bytes, filled, room) : in.read(rest);
                if (n < 0) {
                  return;
                }
                filled += room > 0 ? n : 0;
                length = filled;
              }
            } catch (IOException e) {
              // The process was killed: what was read so far is all there is.
            }
          });
    }

    static Capture of(InputStream in) {
      return new Capture(in);
    }

    String text() throws InterruptedException {
      thread.join(Duration.ofMillis(500));
      return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }
  }
}
