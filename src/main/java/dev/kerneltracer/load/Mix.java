package dev.kerneltracer.load;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Weighted classes of requests.
public record Mix(List<RequestClass> classes) {
  private static final int MOST_CLASSES = 1_000;

  /// What a chat service with retrieval and a coding assistant sees.
  public static final Mix DEFAULT =
      new Mix(
          List.of(
              new RequestClass(
                  "chat",
                  60,
                  new Lengths.Lognormal(50, 30, 10, 300),
                  new Lengths.Lognormal(150, 80, 20, 800),
                  0,
                  null),
              new RequestClass(
                  "rag",
                  30,
                  new Lengths.Lognormal(2500, 1000, 500, 8000),
                  new Lengths.Lognormal(200, 100, 50, 1000),
                  0.8,
                  null),
              new RequestClass(
                  "code",
                  10,
                  new Lengths.Lognormal(2000, 1000, 300, 8000),
                  new Lengths.Lognormal(500, 400, 100, 3000),
                  0.7,
                  null)));

  /// Checks the weights.
  ///
  /// @throws UserException where they make no choice
  public Mix {
    classes = List.copyOf(classes);
    double sum = 0;
    for (RequestClass each : classes) {
      if (!(each.weight() >= 0) || Double.isInfinite(each.weight())) {
        throw new UserException(
            ExitCode.USAGE, "the weight of '" + each.name() + "' must be 0 or more", null);
      }
      sum += each.weight();
    }
    if (!(sum > 0) || classes.size() > MOST_CLASSES) {
      throw new UserException(
          ExitCode.USAGE, "a mix needs a class with a weight above 0", "Such as --mix chat=1.");
    }
  }

  /// The same classes with other weights; those that are not named are left out.
  ///
  /// @param weights such as `chat=60,rag=30,code=10`
  /// @throws UserException where a class is unknown or a weight is no number
  public Mix weighted(String weights) {
    List<RequestClass> chosen = new ArrayList<>();
    Set<String> seen = new LinkedHashSet<>();
    for (String part : weights.split(",", -1)) {
      int equals = part.indexOf('=');
      String name = (equals < 0 ? part : part.substring(0, equals)).strip();
      RequestClass found =
          classes.stream().filter(c -> c.name().equals(name)).findFirst().orElse(null);
      if (found == null || !seen.add(name)) {
        throw new UserException(
            ExitCode.USAGE,
            found == null
                ? "the mix has no class '" + name + "'"
                : "'" + name + "' is in the mix twice",
            "Write it as --mix NAME=WEIGHT,…; there are "
                + String.join(", ", classes.stream().map(RequestClass::name).toList())
                + ". A file (--load FILE) may have others: docs/load.md.");
      }
      double weight = equals < 0 ? 1 : weight(part.substring(equals + 1).strip(), name);
      chosen.add(found.withWeight(weight));
    }
    return new Mix(chosen);
  }

  private static double weight(String text, String name) {
    try {
      return Double.parseDouble(text.endsWith("%") ? text.substring(0, text.length() - 1) : text);
    } catch (NumberFormatException e) {
      throw new UserException(
          ExitCode.USAGE,
          "the weight of '" + name + "' is no number: " + text,
          "Write it as --mix chat=60,rag=30,code=10.",
          e);
    }
  }

  /// One class, drawn by weight.
  RequestClass draw(Randomness random) {
    double sum = 0;
    for (RequestClass each : classes) {
      sum += each.weight();
    }
    double at = random.nextDouble() * sum;
    for (RequestClass each : classes) {
      at -= each.weight();
      if (at < 0) {
        return each;
      }
    }
    // By rounding alone: the last that may be drawn at all.
    return classes.reversed().stream().filter(c -> c.weight() > 0).findFirst().orElseThrow();
  }
}
