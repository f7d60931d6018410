package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.FileClaim;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// The directory that one job owns while it runs: a second run of the same job is told so instead
/// of writing between the first one's lines.
final class JobDirectory implements AutoCloseable {
  static final String LOG = "job.log";
  static final String SPECIFICATION = "job.json";
  private static final String LOCK = ".lock";

  private final Path path;
  private final FileClaim claim;

  private JobDirectory(Path path, FileClaim claim) {
    this.path = path;
    this.claim = claim;
  }

  /// Makes and takes the directory.
  ///
  /// @throws UserException where it cannot be written or another run has it
  static JobDirectory take(Path path) {
    try {
      Files.createDirectories(path);
      FileClaim claim = FileClaim.tryTake(path.resolve(LOCK));
      if (claim == null) {
        throw new UserException(
            ExitCode.JOBS_FAILED,
            "another run" + FileClaim.holder(path.resolve(LOCK)) + " is at work in " + path,
            "Wait for it to end, or choose another --output-dir.");
      }
      return new JobDirectory(path, claim);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "cannot write to " + path + ": " + AtomicFile.reason(e),
          "Choose an --output-dir you may write to.",
          e);
    }
  }

  /// Removes what an earlier run of the tracer left, status first, and nothing else.
  void clear(Tracer tracer) throws IOException {
    for (String name :
        List.of(JobStatus.SUCCESS_FILE, JobStatus.FAILURE_FILE, LOG, SPECIFICATION)) {
      Files.deleteIfExists(path.resolve(name));
    }
    for (String name : tracer.fileNames()) {
      deleteTree(path.resolve(name));
    }
    removePartial();
  }

  /// Removes the unfinished files and folders of a process that was ended in the middle.
  void removePartial() throws IOException {
    List<Path> unfinished;
    try (Stream<Path> files = Files.walk(path)) {
      unfinished =
          files
              .filter(file -> {
                String name = file.getFileName().toString();
                return name.endsWith(".partial") || name.endsWith(".partial.json.gz");
              })
              .toList();
    }
    for (Path file : unfinished) {
      deleteTree(file);
    }
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public void close() {
    claim.close();
  }
}
