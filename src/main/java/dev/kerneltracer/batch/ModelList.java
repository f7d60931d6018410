package dev.kerneltracer.batch;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/// Names of models as people list them: one a line, `#` begins a comment, globs stand for what the
/// cache has.
public final class ModelList {
  private ModelList() {}

  /// The names in a file.
  ///
  /// @throws UserException where it cannot be read
  public static List<String> read(Path file) {
    List<String> names = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(file)) {
        String name = line.replaceFirst("(^|\\s)#.*", "").strip();
        if (name.chars().anyMatch(Character::isWhitespace)) {
          throw new UserException(
              ExitCode.INPUT_UNREADABLE,
              file + ": '" + name + "' is no model name",
              "One name a line; # begins a comment.");
        }
        if (!name.isEmpty()) {
          names.add(name);
        }
      }
    } catch (MalformedInputException e) {
      throw unreadable(file, "it is no text in UTF-8", e);
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e), e);
    }
    return names;
  }

  private static UserException unreadable(Path file, String reason, IOException e) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "cannot read " + file + ": " + reason,
        "A list of models is a text file with one name a line.",
        e);
  }

  /// The models that are wanted: each once, in the order given, globs replaced by what they match.
  ///
  /// @param skipped names or globs of what is not wanted
  /// @param cached the names of the models in the cache; asked only where there is a glob
  /// @throws UserException where a glob matches nothing
  public static List<String> choose(
      List<String> names, List<String> skipped, Supplier<List<String>> cached) {
    Set<String> chosen = new LinkedHashSet<>();
    List<String> there = null;
    for (String name : names) {
      if (!isGlob(name)) {
        chosen.add(name);
        continue;
      }
      if (name.startsWith("type:")) {
        throw new UserException(
            ExitCode.USAGE,
            "'" + name + "': a glob stands for models of the cache, not for model types",
            "Name each type.");
      }
      there = there == null ? cached.get().stream().sorted().toList() : there;
      Pattern pattern = pattern(name);
      List<String> matching = there.stream().filter(pattern.asMatchPredicate()).toList();
      if (matching.isEmpty()) {
        throw new UserException(
            ExitCode.USAGE,
            "'" + name + "' matches no model in the cache",
            "Globs stand for what is there; name what is to be downloaded.");
      }
      chosen.addAll(matching);
    }
    for (String skip : skipped) {
      Pattern pattern = pattern(skip);
      chosen.removeIf(pattern.asMatchPredicate());
    }
    return List.copyOf(chosen);
  }

  private static boolean isGlob(String name) {
    return name.contains("*") || name.contains("?") || name.contains("[");
  }

  /// `*` also crosses the `/` between organisation and name: `*-GGUF` and `*Qwen*` mean what they
  /// seem to.
  private static Pattern pattern(String glob) {
    StringBuilder expression = new StringBuilder();
    boolean inside = false;
    for (int i = 0; i < glob.length(); i++) {
      char c = glob.charAt(i);
      boolean closed = c == '[' && glob.indexOf(']', i + 1) > i + 1;
      if (inside) {
        boolean negated = c == '!' && glob.charAt(i - 1) == '[';
        expression.append(negated ? "^" : c == '\\' || c == '[' || c == '&' ? "\\" + c : "" + c);
        inside = c != ']';
      } else if (closed) {
        expression.append('[');
        inside = true;
      } else if (c == '*') {
        expression.append(".*");
      } else if (c == '?') {
        expression.append('.');
      } else {
        expression.append(Pattern.quote(String.valueOf(c)));
      }
    }
    return Pattern.compile(expression.toString());
  }
}
