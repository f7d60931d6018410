package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Finds the traces in a job's directory.
public final class TraceFiles {
  private static final Pattern RANK = Pattern.compile("rank[-_]?(\\d+)");

  private TraceFiles() {}

  /// The one trace in `directory/trace`.
  ///
  /// @throws UserException where there is none
  public static Path only(Path directory) {
    return all(directory).getFirst();
  }

  /// The traces of an engine's workers in `directory/trace`, by rank; what its frontend recorded is
  /// left out. Workers that name no rank (vLLM 0.11) count in order of their names, which hold
  /// their process ids.
  ///
  /// @throws UserException where there is none
  public static List<Path> ofRanks(Path directory) {
    List<Path> workers =
        all(directory).stream()
            .filter(file -> !name(file).contains("async_llm"))
            .sorted(Comparator.comparingInt(TraceFiles::rank))
            .toList();
    if (workers.isEmpty()) {
      throw none(directory);
    }
    return workers;
  }

  /// Where the files of a rank above 0 lie.
  ///
  /// @throws UserException where the directory cannot be made
  static Path rankDirectory(Path directory, int rank) {
    Path own = directory.resolve("ranks").resolve(String.valueOf(rank));
    try {
      return Files.createDirectories(own);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED, "cannot write to " + own + ": " + AtomicFile.reason(e), null, e);
    }
  }

  private static int rank(Path file) {
    Matcher matcher = RANK.matcher(name(file));
    return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
  }

  private static String name(Path file) {
    return String.valueOf(file.getFileName());
  }

  private static List<Path> all(Path directory) {
    List<Path> traces = List.of();
    try (Stream<Path> files = Files.list(directory.resolve("trace"))) {
      traces =
          files.filter(file -> file.toString().endsWith(".pt.trace.json.gz")).sorted().toList();
    } catch (IOException e) {
      // Told below, as an empty directory is.
    }
    if (traces.isEmpty()) {
      throw none(directory);
    }
    return traces;
  }

  private static UserException none(Path directory) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "there is no trace in " + directory.resolve("trace"),
        "Run again with --force.");
  }
}
