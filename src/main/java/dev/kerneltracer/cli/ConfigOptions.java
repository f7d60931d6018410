package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Framework;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Options from a file, and where each that holds came from.
final class ConfigOptions {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      order = 70,
      description =
          "A YAML file of these options, such as `jobs: 2`; the command line wins"
              + " (docs/batches.md).")
  private @Nullable Path file;

  @Option(
      names = "--print-config",
      order = 71,
      description = "Print every option with its value and where that came from; run nothing.")
  private boolean print;

  /// Options whose values are the file's.
  private Set<String> fromFile = Set.of();

  boolean onlyPrints() {
    return print;
  }

  /// The command line with what its `--config FILE` says put before its own words, but for options
  /// that it names itself.
  ///
  /// @param parser a command line to parse with, which is of no further use
  String[] expand(String[] args, Supplier<CommandLine> parser) {
    if (Arrays.stream(args)
        .noneMatch(word -> word.equals("--config") || word.startsWith("--config="))) {
      return args;
    }
    CommandLine.ParseResult parsed = parser.get().parseArgs(args);
    if (!parsed.hasSubcommand() || !parsed.subcommand().hasMatchedOption("--config")) {
      return args;
    }
    CommandLine.ParseResult command = parsed.subcommand();
    Path path = command.matchedOptionValue("--config", Path.of(""));
    ConfigFile config = ConfigFile.read(path, command.commandSpec());
    Set<String> from = new HashSet<>();
    List<String> words = new ArrayList<>(List.of(args[0]));
    config
        .arguments()
        .forEach((option, arguments) -> {
          if (!command.hasMatchedOption(option)) {
            from.add(ConfigFile.name(option));
            words.addAll(arguments);
          }
        });
    words.addAll(Arrays.asList(args).subList(1, args.length));
    fromFile = from;
    checkValues(path, words.subList(0, words.size() - args.length + 1), parser.get());
    return words.toArray(String[]::new);
  }

  /// A value that cannot be is the file's fault, and is told as such.
  private static void checkValues(Path path, List<String> words, CommandLine parser) {
    try {
      parser.parseArgs(words.toArray(String[]::new));
    } catch (CommandLine.ParameterException e) {
      throw new UserException(ExitCode.USAGE, path + ": " + e.getMessage(), null);
    }
  }

  /// Every option as YAML that `--config` takes, or as JSON.
  String text(CommandSpec command, OutputFormat format) {
    Set<OptionSpec> given =
        new HashSet<>(command.commandLine().getParseResult().matchedOptionsSet());
    StringBuilder yaml = new StringBuilder();
    ArrayNode json = new JsonMapper().createArrayNode();
    Dump dump =
        new Dump(
            DumpSettings.builder().setDefaultFlowStyle(FlowStyle.FLOW).setWidth(10_000).build());
    for (OptionSpec option : command.options()) {
      String name = ConfigFile.name(option);
      if (option.hidden()
          || option.usageHelp()
          || option.versionHelp()
          || name.equals("--config")
          || name.equals("--print-config")) {
        continue;
      }
      String source =
          fromFile.contains(name)
              ? String.valueOf(file)
              : given.contains(option) ? "command line" : "default";
      Object value = plain(option.getValue());
      ObjectNode row = json.addObject();
      row.put("option", name.substring("--".length()));
      row.set("value", new JsonMapper().valueToTree(value));
      row.put("source", source);
      String line =
          name.substring("--".length())
              + ": "
              + (value == null ? "null" : dump.dumpToString(value).strip());
      yaml.append(line)
          .append(" ".repeat(Math.max(1, 40 - line.length())))
          .append("# ")
          .append(source)
          .append('\n');
    }
    return format == OutputFormat.JSON ? json.toPrettyString() + "\n" : yaml.toString();
  }

  private static @Nullable Object plain(@Nullable Object value) {
    return switch (value) {
      case null -> null;
      case Boolean flag -> flag;
      case Number number -> number;
      case List<?> list -> list.stream().map(ConfigOptions::plain).toList();
      case Map<?, ?> map -> Map.copyOf(map);
      case Framework framework -> framework.resultName();
      case Enum<?> constant -> constant.toString().toLowerCase(Locale.ROOT);
      default -> value.toString();
    };
  }
}
