package dev.kerneltracer.tracer;

import java.nio.file.Path;

/// Makes a tracer's result files out of what the probe wrote, and reads them again.
public interface Results {
  /// Makes what is derived, after the probe has ended well.
  ///
  /// @param directory the job's
  /// @throws dev.kerneltracer.UserException where what the probe wrote is missing or damaged: the
  ///   job has failed
  Findings make(Path directory);

  /// Reads what an earlier success left.
  ///
  /// @throws dev.kerneltracer.UserException where that cannot be read
  Findings read(Path directory);
}
