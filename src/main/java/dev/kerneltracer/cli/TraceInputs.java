package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The traces that the arguments of `analyze` name: files, directories (every `.json` and
/// `.json.gz` below), globs that the shell left alone, and `-`. A file named twice is one.
final class TraceInputs {
  private final Map<Path, TraceInput> files = new LinkedHashMap<>();
  private final List<TraceInput> pipes = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  TraceInputs(List<String> arguments) {
    for (String argument : arguments) {
      Path path = Path.of(argument);
      if (argument.equals("-")) {
        if (pipes.isEmpty()) {
          pipes.add(TraceInput.standardInput());
        }
      } else if (Files.isDirectory(path)) {
        addBelow(
            path,
            Integer.MAX_VALUE,
            TraceInputs::isTraceName,
            false,
            "there is no .json or .json.gz file in " + argument);
      } else if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS) && isGlob(argument)) {
        addGlob(argument);
      } else {
        add(path, true);
      }
    }
  }

  /// In the order in which they are named, those of a directory or glob by name.
  List<TraceInput> inputs() {
    List<TraceInput> all = new ArrayList<>(files.values());
    all.addAll(pipes);
    return all;
  }

  /// What names nothing, in words.
  List<String> problems() {
    return problems;
  }

  private void add(Path path, boolean named) {
    TraceInput input = new TraceInput(path.toString(), path, named);
    files.merge(real(path), input, (known, added) -> known.named() ? known : added);
  }

  private void addBelow(
      Path directory, int depth, Predicate<Path> wanted, boolean named, String none) {
    try (Stream<Path> walk = Files.walk(directory, depth)) {
      List<Path> found = walk.filter(Files::isRegularFile).filter(wanted).sorted().toList();
      if (found.isEmpty()) {
        problems.add(none);
      }
      found.forEach(path -> add(path, named));
    } catch (UncheckedIOException e) {
      problems.add("cannot list " + directory + ": " + reason(e));
    } catch (IOException e) {
      problems.add("cannot list " + directory + ": " + AtomicFile.reason(e));
    }
  }

  private void addGlob(String glob) {
    PathMatcher matcher;
    try {
      matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
    } catch (PatternSyntaxException e) {
      problems.add("the pattern " + glob + " is malformed: " + e.getDescription());
      return;
    }
    Path start = Path.of(glob.startsWith("/") ? "/" : "");
    for (Path part : Path.of(glob)) {
      if (isGlob(part.toString())) {
        break;
      }
      start = start.resolve(part);
    }
    int depth = glob.contains("**") ? Integer.MAX_VALUE : Path.of(glob).getNameCount();
    addBelow(start, depth, matcher::matches, true, "no file matches " + glob);
  }

  private static String reason(UncheckedIOException e) {
    @Nullable IOException cause = e.getCause();
    return cause == null ? String.valueOf(e.getMessage()) : AtomicFile.reason(cause);
  }

  private static boolean isGlob(String text) {
    return text.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  private static boolean isTraceName(Path path) {
    String name = path.getFileName().toString();
    return !name.startsWith(".") && (name.endsWith(".json") || name.endsWith(".json.gz"));
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path.toAbsolutePath().normalize();
    }
  }
}
