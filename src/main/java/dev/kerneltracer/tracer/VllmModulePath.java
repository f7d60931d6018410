package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/// What `module_path` leaves of vLLM's workers: `path.json` and the trace of rank 0 in the job's
/// directory, those of other ranks in `ranks/1` ….
final class VllmModulePath implements Results {
  @Override
  public Findings make(Path directory) {
    return read(directory);
  }

  @Override
  public Findings read(Path directory) {
    int ranks = TraceFiles.ofRanks(directory).size();
    long calls = calls(directory.resolve("path.json"));
    for (int rank = 1; rank < ranks; rank++) {
      calls += calls(directory.resolve("ranks").resolve(String.valueOf(rank)).resolve("path.json"));
    }
    return new Findings.Summary(
        calls + " module calls" + (ranks > 1 ? " in " + ranks + " ranks" : "") + " (path.json)",
        Map.of("module_calls", calls, "ranks", (long) ranks));
  }

  /// The probe writes one call a line, behind the line that begins their list.
  private static long calls(Path file) {
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      long calls = 0;
      boolean inCalls = false;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        inCalls |= line.startsWith("\"calls\": [");
        calls += inCalls && line.startsWith("{") ? 1 : 0;
      }
      return calls;
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "cannot read " + file + ": " + AtomicFile.reason(e),
          "Run again with --force.",
          e);
    }
  }
}
