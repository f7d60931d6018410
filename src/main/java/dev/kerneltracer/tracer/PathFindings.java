package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.TracedPath;
import dev.kerneltracer.report.KernelNames;
import dev.kerneltracer.report.PathFiles;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Path;

/// The inference path that module_path recorded, joined with the trace of the same steps.
public record PathFindings(TracedPath path, KernelNames names) implements Findings {

  /// Reads what the probe wrote.
  ///
  /// @param directory where `path.json` is
  /// @throws UserException where it is missing or damaged
  static PathFindings read(Path directory, Path trace) {
    TracedPath path =
        TracedPath.of(PathFile.read(directory.resolve(PathFile.NAME)), TraceReader.read(trace));
    return new PathFindings(path, PathFiles.names(path));
  }

  /// Reads what the probe wrote, and writes the tables beside it.
  ///
  /// @throws UserException where it is missing or damaged
  static PathFindings make(Path directory, Path trace) {
    PathFindings read = read(directory, trace);
    if (!read.path.trust().complete()) {
      throw new UserException(
          ExitCode.JOBS_FAILED, "torch.profiler wrote a damaged trace; is the disk full?", null);
    }
    PathFiles.write(directory, read.path, read.names);
    return read;
  }
}
