package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.schema.CoreSchema;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.databind.json.JsonMapper;

/// The options of a command in a YAML file: a key is a long option's name without its dashes, a
/// value is what would follow it, a list where the option can be repeated, a map for `KEY=VALUE`.
///
/// @param arguments by the option, the words of a command line that say the same
record ConfigFile(Path file, Map<OptionSpec, List<String>> arguments) {
  private static final List<String> NOT_HERE =
      List.of("--config", "--print-config", "--help", "--version", "--debug");
  private static final JsonMapper JSON = new JsonMapper();

  /// Reads the file.
  ///
  /// @param command whose options may stand in it
  /// @throws UserException where it cannot be read, or says what the command does not know
  static ConfigFile read(Path file, CommandSpec command) {
    Map<OptionSpec, List<String>> arguments = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : load(file, "--config takes a YAML file of options.").entrySet()) {
      String key = String.valueOf(entry.getKey());
      OptionSpec option = command.findOption("--" + key.replace('_', '-'));
      if (option == null || NOT_HERE.contains(name(option))) {
        throw new UserException(
            ExitCode.USAGE,
            file + ": there is no option '" + key + "'" + nearest(key, command),
            null);
      }
      List<String> words = words(option, entry.getValue(), file, key);
      if (arguments.put(option, words) != null) {
        throw new UserException(
            ExitCode.USAGE,
            file + ": '" + key + "' is there twice, under another of its names",
            "Its names: " + String.join(", ", option.names()) + ".");
      }
    }
    return new ConfigFile(file, arguments);
  }

  /// The map that a YAML file holds.
  ///
  /// @param hint for who named a file that cannot be read
  static Map<?, ?> load(Path file, String hint) {
    try {
      LoadSettings settings =
          LoadSettings.builder()
              .setLabel(file.toString())
              .setSchema(new CoreSchema())
              .setAllowDuplicateKeys(false)
              .build();
      Object content = new Load(settings).loadFromString(Files.readString(file));
      if (content == null) {
        return Map.of();
      }
      if (content instanceof Map<?, ?> map) {
        return map;
      }
      throw new UserException(
          ExitCode.USAGE,
          file + " holds no keys with values",
          hint + " A line each, as `name: value`.");
    } catch (MarkedYamlEngineException e) {
      String place =
          e.getProblemMark()
              .map(mark ->
                  " (line " + (mark.getLine() + 1) + ", column " + (mark.getColumn() + 1) + ")")
              .orElse("");
      throw new UserException(
          ExitCode.USAGE, file + " is not valid YAML" + place + ": " + e.getProblem(), null, e);
    } catch (YamlEngineException e) {
      String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw new UserException(ExitCode.USAGE, file + " is not valid YAML: " + reason, null, e);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE, "cannot read " + file + ": " + AtomicFile.reason(e), hint, e);
    }
  }

  private static List<String> words(
      OptionSpec option, @Nullable Object value, Path file, String key) {
    String name = name(option);
    return switch (value) {
      // As in a template with a value left out: the default.
      case null -> List.of();
      case Boolean on when isFlag(option) -> flag(option, on);
      case Map<?, ?> map when isKeyed(option) -> {
        List<String> words = new ArrayList<>();
        flatten(name, "", map, words);
        yield words;
      }
      case List<?> list when option.isMultiValue() -> {
        List<String> words = new ArrayList<>();
        for (Object item : list) {
          words.add(name + "=" + scalar(item, file, key));
        }
        yield words;
      }
      default -> {
        if (isFlag(option)) {
          throw new UserException(
              ExitCode.USAGE, file + ": '" + key + "' is true or false, not " + value, null);
        }
        yield List.of(name + "=" + scalar(value, file, key));
      }
    };
  }

  /// The name that an option goes by: its first long one. Others are what earlier tools called it.
  static String name(OptionSpec option) {
    for (String name : option.names()) {
      if (name.startsWith("--")) {
        return name;
      }
    }
    return option.longestName();
  }

  private static boolean isFlag(OptionSpec option) {
    return option.arity().max() == 0;
  }

  private static List<String> flag(OptionSpec option, boolean on) {
    if (on) {
      return List.of(name(option));
    }
    return option.negatable()
        ? List.of("--no-" + name(option).substring("--".length()))
        : List.of();
  }

  private static boolean isKeyed(OptionSpec option) {
    return option.paramLabel().equalsIgnoreCase("KEY=VALUE");
  }

  private static void flatten(String name, String prefix, Map<?, ?> map, List<String> words) {
    map.forEach((key, value) -> {
      String dotted = prefix + key;
      if (value instanceof Map<?, ?> inner && !inner.isEmpty()) {
        flatten(name, dotted + ".", inner, words);
      } else {
        words.add(name + "=" + dotted + "=" + JSON.writeValueAsString(value));
      }
    });
  }

  private static String scalar(@Nullable Object value, Path file, String key) {
    if (value == null || value instanceof Map<?, ?> || value instanceof List<?>) {
      throw new UserException(
          ExitCode.USAGE,
          file + ": '" + key + "' takes one value" + (value == null ? "" : ", not " + value),
          null);
    }
    return String.valueOf(value);
  }

  /// The option whose name is spelled most like the key, for a hint; empty where none is.
  private static String nearest(String key, CommandSpec command) {
    String best = "";
    int least = Math.max(2, key.length() / 3) + 1;
    for (OptionSpec option : command.options()) {
      for (String name : option.names()) {
        int distance = distance(key.replace('_', '-'), name.replaceFirst("^--?", ""));
        if (name.startsWith("--") && distance < least && !option.hidden()) {
          least = distance;
          best = name.substring("--".length());
        }
      }
    }
    return best.isEmpty() ? "" : "; the nearest is '" + best + "'";
  }

  /// Letters to change, add or leave out between two words.
  private static int distance(String one, String other) {
    int[] row = new int[other.length() + 1];
    for (int j = 0; j <= other.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= one.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= other.length(); j++) {
        int above = row[j];
        int change = diagonal + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(change, Math.min(above, row[j - 1]) + 1);
        diagonal = above;
      }
    }
    return row[other.length()];
  }
}
