package dev.kerneltracer.serve;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A part of a run in which the server's profiler records.
///
/// @param name a directory's name as well
/// @param after since the load began
/// @param steps of the engine to record, about
/// @param longest after this it is ended, however few steps it has seen
/// @param phase the kind of steps that the load is shaped for; null for the load as it is
public record ProfileWindow(
    String name, Duration after, int steps, Duration longest, @Nullable Phase phase) {
  /// Enough for a picture, few enough that writing them takes seconds.
  public static final int DEFAULT_STEPS = 20;

  static final Duration LONGEST = Duration.ofSeconds(30);

  private static final int MOST_STEPS = 5_000;
  private static final Pattern DURATION = Pattern.compile("(\\d+(?:\\.\\d+)?)(ms|s|m|min)?");
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,40}");

  /// What a load can be shaped for.
  public enum Phase {
    PREFILL,
    DECODE;

    public String text() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /// Reads `after=30s,steps=20`, with `name=steady` and `longest=30s` where wanted.
  ///
  /// @throws UserException where it is none
  public static ProfileWindow parse(String text) {
    String name = "";
    Duration after = null;
    int steps = DEFAULT_STEPS;
    Duration longest = LONGEST;
    Set<String> seen = new HashSet<>();
    for (String part : text.split(",", -1)) {
      int equals = part.indexOf('=');
      String key = equals < 0 ? part.strip() : part.substring(0, equals).strip();
      String value = equals < 0 ? "" : part.substring(equals + 1).strip();
      if (!seen.add(key)) {
        throw wrong(text, "'" + key + "' stands in it twice");
      }
      switch (key) {
        case "name" -> {
          if (!NAME.matcher(value).matches()) {
            throw wrong(text, "'" + value + "' is no name of letters, digits, dots and dashes");
          }
          name = value;
        }
        case "after" -> after = duration(text, value);
        case "longest" -> longest = duration(text, value);
        case "steps" -> steps = steps(text, value);
        default -> throw wrong(text, "'" + key + "' is none of name, after, steps, longest");
      }
    }
    if (after == null) {
      throw wrong(text, "it does not say after how long");
    }
    if (longest.isZero()) {
      throw wrong(text, "longest must be above 0");
    }
    return new ProfileWindow(name, after, steps, longest, null);
  }

  /// Reads several, in the order of their times; those without a name get one.
  ///
  /// @param duration how long the load lasts
  /// @throws UserException where one is none, or lies behind the load's end
  public static List<ProfileWindow> parse(List<String> texts, Duration duration) {
    List<ProfileWindow> windows = new ArrayList<>();
    for (String text : texts) {
      ProfileWindow window = parse(text);
      if (window.after().compareTo(duration) >= 0) {
        throw wrong(text, "it begins after the load, which lasts " + duration.toSeconds() + " s");
      }
      windows.add(window);
    }
    windows.sort(java.util.Comparator.comparing(ProfileWindow::after));
    Set<String> names = new HashSet<>();
    windows.forEach(window -> names.add(window.name()));
    List<ProfileWindow> named = new ArrayList<>();
    int number = 1;
    Set<String> taken = new HashSet<>();
    for (ProfileWindow window : windows) {
      String name = window.name();
      if (name.isEmpty()) {
        name = windows.size() == 1 ? "steady" : "window" + number;
        while (names.contains(name)) {
          name += "_";
        }
      }
      number++;
      if (!taken.add(name)) {
        throw new UserException(
            ExitCode.USAGE, "--window: two windows are named '" + name + "'", null);
      }
      named.add(window.named(name));
    }
    return named;
  }

  /// The window that is taken where none is asked for: in the middle of the load.
  public static ProfileWindow steady(Duration duration, int steps) {
    return new ProfileWindow("steady", duration.dividedBy(2), steps, LONGEST, null);
  }

  /// One of a phase, whose load is made for it.
  public static ProfileWindow of(Phase phase, int steps) {
    return new ProfileWindow(phase.text(), Duration.ZERO, steps, LONGEST, phase);
  }

  private ProfileWindow named(String newName) {
    return new ProfileWindow(newName, after, steps, longest, phase);
  }

  /// Reads `30s`, `500ms`, `2m`, `30` as seconds.
  static Duration duration(String whole, String text) {
    Matcher matcher = DURATION.matcher(text);
    if (!matcher.matches()) {
      throw wrong(whole, "'" + text + "' is no time such as 30s");
    }
    double number = Double.parseDouble(matcher.group(1));
    String unit = matcher.group(2) == null ? "s" : matcher.group(2);
    double seconds =
        switch (unit) {
          case "ms" -> number / 1e3;
          case "m", "min" -> number * 60;
          default -> number;
        };
    return Duration.ofNanos(Math.round(Math.min(seconds, 1e8) * 1e9));
  }

  private static int steps(String whole, String text) {
    if (!text.matches("[0-9]{1,6}")
        || Integer.parseInt(text) < 1
        || Integer.parseInt(text) > MOST_STEPS) {
      throw wrong(whole, "steps is a number from 1 to " + MOST_STEPS + ", not '" + text + "'");
    }
    return Integer.parseInt(text);
  }

  private static UserException wrong(String text, String why) {
    return new UserException(
        ExitCode.USAGE,
        "--window '" + text + "': " + why,
        "As in --window after=30s,steps=20 or --window name=burst,after=90s,steps=10.");
  }
}
