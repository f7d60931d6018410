package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// Finds the traces in a job's directory.
public final class TraceFiles {
  private TraceFiles() {}

  /// The one trace in `directory/trace`.
  ///
  /// @throws UserException where there is none
  public static Path only(Path directory) {
    List<Path> traces = List.of();
    try (Stream<Path> files = Files.list(directory.resolve("trace"))) {
      traces =
          files.filter(file -> file.toString().endsWith(".pt.trace.json.gz")).sorted().toList();
    } catch (IOException e) {
      // Told below, as an empty directory is.
    }
    if (traces.isEmpty()) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "there is no trace in " + directory.resolve("trace"),
          "Run again with --force.");
    }
    return traces.getFirst();
  }
}
