package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.serve.ProfileWindow;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options of `profile` that say where and when is recorded.
final class ProfileOptions {
  private static final int SAFE_STEPS = 5;

  @Option(
      names = "--url",
      paramLabel = "URL",
      order = 4,
      description = "A server that runs already, as http://host:8000, in place of --model.")
  private @Nullable String url;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      order = 4,
      description = "The key of that server (default: the variable OPENAI_API_KEY).")
  private @Nullable String apiKey;

  @Option(
      names = "--trace-dir",
      paramLabel = "DIR",
      order = 4,
      description =
          "Where that server's traces appear, seen from here; without it only its load and metrics"
              + " are had.")
  private @Nullable Path traceDirectory;

  @Option(
      names = "--window",
      paramLabel = "after=30s,steps=20",
      order = 20,
      description =
          "When the profiler records, and how many steps; also name=warm and longest=30s."
              + " Repeatable (default: 20 steps in the middle of the load).")
  private List<String> windows = new ArrayList<>();

  @Option(
      names = "--no-window",
      order = 20,
      description = "Record nothing of the load as it is: only latencies, metrics and --phase.")
  private boolean noWindow;

  @Option(
      names = "--phase",
      paramLabel = "decode,prefill",
      split = ",",
      order = 20,
      description =
          "Also windows in which all steps are of one phase, each under a load of its own after the"
              + " other.")
  private List<String> phases = List.of();

  @Option(
      names = "--record-shapes",
      order = 20,
      description = "Record the shapes of operators' inputs; windows cost more.")
  private boolean recordShapes;

  @Option(
      names = "--with-stack",
      order = 20,
      description =
          "Record Python stacks. Takes memory and minutes to write, and has killed engines: keep"
              + " windows short.")
  private boolean withStack;

  @Option(
      names = "--stop-timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      order = 20,
      description =
          "How long stopping the profiler and writing may take (default: ${DEFAULT-VALUE}).")
  private int stopTimeout;

  @Option(
      names = "--safe",
      order = 20,
      description =
          "The old advice: --enforce-eager and windows of 5 steps. Not what you serve: CUDA graphs"
              + " and torch.compile are off.")
  private boolean safe;

  void check() {
    require(stopTimeout >= 1, "--stop-timeout must be at least 1");
    require(windows.isEmpty() || !noWindow, "--window and --no-window exclude each other");
    require(
        url != null || traceDirectory == null,
        "--trace-dir goes with --url: a server of our own writes into the output directory");
    require(url != null || apiKey == null, "--api-key goes with --url");
    require(url == null || !safe, "--safe goes with --model: it is about how a server is started");
    require(
        url == null || (!recordShapes && !withStack),
        "--record-shapes and --with-stack go with --model: that server's profiler is set up already");
    require(
        traceDirectory == null || Files.isDirectory(traceDirectory),
        "--trace-dir " + traceDirectory + " is no directory");
  }

  /// Whether the user asked for windows, so that none is a failure.
  boolean namesWindows() {
    return !windows.isEmpty() || !phases.isEmpty();
  }

  boolean safe() {
    return safe;
  }

  boolean recordShapes() {
    return recordShapes;
  }

  boolean withStack() {
    return withStack;
  }

  @Nullable Path traceDirectory() {
    return traceDirectory;
  }

  Duration stopTimeout() {
    return Duration.ofSeconds(stopTimeout);
  }

  /// The server that runs already; null where one is to be started.
  @Nullable URI url() {
    if (url == null) {
      return null;
    }
    try {
      URI parsed = new URI(url);
      if (parsed.getHost() != null
          && ("http".equalsIgnoreCase(parsed.getScheme())
              || "https".equalsIgnoreCase(parsed.getScheme()))) {
        String text = url.replaceAll("/+$", "");
        return URI.create(text.endsWith("/v1") ? text.substring(0, text.length() - 3) : text);
      }
    } catch (URISyntaxException e) {
      // Told below.
    }
    throw new UserException(
        ExitCode.USAGE, "--url '" + url + "' is no URL", "As in --url http://host:8000.");
  }

  @Nullable String apiKey(Map<String, String> environment) {
    if (apiKey != null) {
      return apiKey;
    }
    String set = environment.getOrDefault("OPENAI_API_KEY", "");
    return url == null || set.isEmpty() ? null : set;
  }

  /// Windows of the load as it is.
  List<ProfileWindow> windows(Duration duration) {
    if (noWindow) {
      return List.of();
    }
    return windows.isEmpty()
        ? List.of(ProfileWindow.steady(duration, steps()))
        : ProfileWindow.parse(windows, duration);
  }

  /// Windows of one phase each.
  List<ProfileWindow> phases(List<ProfileWindow> others) {
    Set<ProfileWindow.Phase> wanted = EnumSet.noneOf(ProfileWindow.Phase.class);
    List<ProfileWindow> found = new ArrayList<>();
    for (String text : phases) {
      ProfileWindow.Phase phase;
      try {
        phase = ProfileWindow.Phase.valueOf(text.strip().toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new UserException(
            ExitCode.USAGE,
            "--phase is decode, prefill or decode,prefill, not '" + text + "'",
            null);
      }
      require(
          others.stream().noneMatch(window -> window.name().equals(phase.text())),
          "--window: '" + phase.text() + "' is the name of a window by --phase");
      if (wanted.add(phase)) {
        found.add(ProfileWindow.of(phase, steps()));
      }
    }
    return found;
  }

  private int steps() {
    return safe ? SAFE_STEPS : ProfileWindow.DEFAULT_STEPS;
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer profile --help.");
    }
  }
}
