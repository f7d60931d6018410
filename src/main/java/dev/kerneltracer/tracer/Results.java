package dev.kerneltracer.tracer;

import java.nio.file.Path;
import java.util.function.Function;

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

  /// For files that the probe writes itself: making is reading them.
  static Results of(Function<Path, Findings> reader) {
    return new Results() {
      @Override
      public Findings make(Path directory) {
        return reader.apply(directory);
      }

      @Override
      public Findings read(Path directory) {
        return reader.apply(directory);
      }
    };
  }
}
