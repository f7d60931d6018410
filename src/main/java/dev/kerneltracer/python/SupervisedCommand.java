package dev.kerneltracer.python;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// A long command (pip, uv) that cannot outlive this process: it runs in a session of its own under
/// a supervisor that kills it once our end of a pipe is closed, be it by Ctrl-C or `kill -9`.
final class SupervisedCommand {
  private static final long STOP_SECONDS = 5;

  private SupervisedCommand() {}

  /// Runs it to its end and returns its exit code.
  ///
  /// @param python runs the supervisor
  /// @param lines told each line of output and errors
  /// @throws InterruptedException when this thread is interrupted; the command is gone by then
  static int run(
      Path python,
      List<String> command,
      Map<String, String> environment,
      Path directory,
      Consumer<String> lines)
      throws IOException, InterruptedException {
    List<String> supervised =
        new ArrayList<>(List.of(python.toString(), "-I", "-c", PythonScript.SUPERVISE.text()));
    supervised.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(supervised);
    builder.directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true);
    Process process = builder.start();
    Thread reader = Thread.startVirtualThread(() -> read(process, lines));
    try {
      int exitCode = process.waitFor();
      reader.join(Duration.ofSeconds(STOP_SECONDS));
      return exitCode;
    } catch (InterruptedException e) {
      stop(process);
      throw e;
    }
  }

  private static void read(Process process, Consumer<String> lines) {
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.accept(line);
      }
    } catch (IOException e) {
      // The pipe ended with the process: the exit code tells.
    }
  }

  private static void stop(Process process) throws InterruptedException {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // It is closed all the same.
    }
    if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
