package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.Lengths;
import dev.kerneltracer.load.Mix;
import dev.kerneltracer.load.RequestClass;
import dev.kerneltracer.load.RequestClass.SharedPrefix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Reads the mix that `--load FILE` names: docs/load.md has an example.
final class MixFile {
  private static final int MOST_TOKENS = 10_000_000;

  private final Path file;

  private MixFile(Path file) {
    this.file = file;
  }

  /// Reads it.
  ///
  /// @throws UserException where it cannot be read, or is no mix
  static Mix read(Path file) {
    return new MixFile(file)
        .mix(ConfigFile.load(file, "--load takes a YAML file of classes: docs/load.md."));
  }

  private Mix mix(Map<?, ?> content) {
    only(content, "", Set.of("classes"));
    List<RequestClass> classes = new ArrayList<>();
    for (Map.Entry<?, ?> entry : map(content.get("classes"), "classes").entrySet()) {
      String name = String.valueOf(entry.getKey());
      classes.add(requestClass(name, map(entry.getValue(), "classes." + name)));
    }
    if (classes.stream().noneMatch(each -> each.weight() > 0)) {
      throw wrong("a mix needs a class with a weight above 0");
    }
    return new Mix(classes);
  }

  private RequestClass requestClass(String name, Map<?, ?> content) {
    String at = "classes." + name;
    only(content, at, Set.of("weight", "input", "output", "context_share", "prefix"));
    if (name.isBlank() || name.contains(",") || name.contains("=") || name.contains(".")) {
      throw wrong("the class name '" + name + "' must not be empty or have one of , = .");
    }
    double weight = content.containsKey("weight") ? number(content, "weight", at) : 1;
    double context =
        content.containsKey("context_share") ? number(content, "context_share", at) : 0;
    if (context > 1) {
      throw wrong(at + ".context_share is from 0 to 1, not " + context);
    }
    return new RequestClass(
        name,
        weight,
        lengths(content.get("input"), at + ".input"),
        lengths(content.get("output"), at + ".output"),
        context,
        prefix(content.get("prefix"), at + ".prefix"));
  }

  private @Nullable SharedPrefix prefix(@Nullable Object value, String at) {
    if (value == null) {
      return null;
    }
    Map<?, ?> content = map(value, at);
    only(content, at, Set.of("tokens", "groups"));
    int groups = content.containsKey("groups") ? tokens(content, "groups", at) : 1;
    return new SharedPrefix(groups, tokens(content, "tokens", at));
  }

  /// A number stands for a fixed length.
  private Lengths lengths(@Nullable Object value, String at) {
    if (value instanceof Number) {
      return new Lengths.Fixed(tokens(Map.of("tokens", value), "tokens", at));
    }
    Map<?, ?> content = map(value, at);
    String kind = String.valueOf(content.get("distribution"));
    return switch (kind) {
      case "fixed" -> {
        only(content, at, Set.of("distribution", "tokens"));
        yield new Lengths.Fixed(tokens(content, "tokens", at));
      }
      case "uniform" -> {
        only(content, at, Set.of("distribution", "min", "max"));
        ordered(content, at);
        yield new Lengths.Uniform(tokens(content, "min", at), tokens(content, "max", at));
      }
      case "normal", "lognormal" -> {
        only(content, at, Set.of("distribution", "mean", "sd", "min", "max"));
        ordered(content, at);
        double mean = number(content, "mean", at);
        double deviation = number(content, "sd", at);
        int least = tokens(content, "min", at);
        int most = tokens(content, "max", at);
        if (!(mean > 0)) {
          throw wrong(at + ".mean must be above 0");
        }
        yield kind.equals("normal")
            ? new Lengths.Normal(mean, deviation, least, most)
            : new Lengths.Lognormal(mean, deviation, least, most);
      }
      default ->
          throw wrong(
              at
                  + ".distribution is one of fixed, uniform, normal, lognormal"
                  + (content.containsKey("distribution") ? ", not " + kind : ""));
    };
  }

  private void ordered(Map<?, ?> content, String at) {
    if (tokens(content, "min", at) > tokens(content, "max", at)) {
      throw wrong(at + ".min is above its max");
    }
  }

  private int tokens(Map<?, ?> content, String key, String at) {
    double number = number(content, key, at);
    if (number < 1 || number > MOST_TOKENS || number != Math.rint(number)) {
      throw wrong(at + "." + key + " is a whole number from 1, not " + content.get(key));
    }
    return (int) number;
  }

  private double number(Map<?, ?> content, String key, String at) {
    if (content.get(key) instanceof Number number
        && number.doubleValue() >= 0
        && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw wrong(
        content.containsKey(key)
            ? at + "." + key + " is a number from 0, not " + content.get(key)
            : at + " needs '" + key + "'");
  }

  private Map<?, ?> map(@Nullable Object value, String at) {
    if (value instanceof Map<?, ?> map && !map.isEmpty()) {
      return map;
    }
    throw wrong("'" + at + "' must have keys below it");
  }

  private void only(Map<?, ?> content, String at, Set<String> known) {
    for (Object key : content.keySet()) {
      if (!known.contains(String.valueOf(key))) {
        throw wrong(
            "'"
                + (at.isEmpty() ? "" : at + ".")
                + key
                + "' is unknown; there are "
                + String.join(", ", known.stream().sorted().toList()));
      }
    }
  }

  private UserException wrong(String what) {
    return new UserException(
        ExitCode.USAGE, file + ": " + what, "docs/load.md has an example of such a file.");
  }
}
