package dev.kerneltracer.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// The environment variables that make vLLM load the probe (docs/watch.md).
///
/// @param probe the probe's files, to stand first on `PYTHONPATH`
/// @param directory where sessions are made
/// @param session the session's directory; null where the server itself is to make one
/// @param track what is recorded, null for everything
/// @param interval operations between samples, null for the default
/// @param ownHooks directories with hooks of the user's
record ProbeEnvironment(
    Path probe,
    Path directory,
    @Nullable Path session,
    @Nullable String track,
    @Nullable Integer interval,
    List<Path> ownHooks) {
  private static final String PLUGIN = "kerneltracer_watch";

  /// How `--probe-env` prints them.
  enum Format {
    SHELL,
    JSON,
    DOCKER,
    SYSTEMD;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// What is added to `inherited`, joined with what the user has set there.
  Map<String, String> variables(Map<String, String> inherited) {
    Map<String, String> variables = new LinkedHashMap<>();
    String path = inherited.getOrDefault("PYTHONPATH", "");
    variables.put("PYTHONPATH", path.isEmpty() ? probe.toString() : probe + ":" + path);
    String plugins = inherited.get("VLLM_PLUGINS");
    if (plugins != null) {
      // Set, it lists all plugins that may be loaded, and ours is one.
      variables.put("VLLM_PLUGINS", plugins.isEmpty() ? PLUGIN : plugins + "," + PLUGIN);
    }
    own().forEach(variables::put);
    return variables;
  }

  private Map<String, String> own() {
    Map<String, String> variables = new LinkedHashMap<>();
    variables.put("VLLM_PROFILING_DIR", directory.toString());
    if (track != null) {
      variables.put("VLLM_PROFILING_TRACK", track);
    }
    if (interval != null) {
      variables.put("VLLM_PROFILING_LOG_INTERVAL", interval.toString());
    }
    if (!ownHooks.isEmpty()) {
      variables.put(
          "KERNELTRACER_WATCH_PATH",
          ownHooks.stream().map(Path::toString).collect(Collectors.joining(":")));
    }
    if (session != null) {
      variables.put("KERNELTRACER_WATCH_SESSION", session.toString());
    } else {
      variables.put("KERNELTRACER_WATCH_TABLES", "1");
    }
    return variables;
  }

  /// Lines for a shell, a JSON object, words for `docker run`, or lines of a systemd unit.
  String text(Format format, Map<String, String> inherited) {
    return switch (format) {
      case SHELL -> shell();
      case JSON ->
          JsonMapper.builder()
                  .build()
                  .writerWithDefaultPrettyPrinter()
                  .writeValueAsString(variables(inherited))
              + "\n";
      case DOCKER -> docker(inherited);
      case SYSTEMD ->
          lines(variables(inherited), "Environment=\"%s=%s\"", '\\', "\"\\")
              .replace("%", "%%"); // a unit's own specifiers begin with %
    };
  }

  /// Joined with what is set where the lines are read, not where they were printed.
  private String shell() {
    return "export PYTHONPATH="
        + quoted(probe.toString())
        + "${PYTHONPATH:+:$PYTHONPATH}\n"
        + "[ -z \"${VLLM_PLUGINS+set}\" ] || export"
        + " VLLM_PLUGINS=\"${VLLM_PLUGINS:+$VLLM_PLUGINS,}"
        + PLUGIN
        + "\"\n"
        + own().entrySet().stream()
            .map(variable -> "export " + variable.getKey() + "=" + quoted(variable.getValue()))
            .collect(Collectors.joining("\n", "", "\n"));
  }

  /// One line, for `docker run $(…)`: such words are split at spaces alone.
  private String docker(Map<String, String> inherited) {
    List<String> words = new ArrayList<>();
    words.addAll(List.of("-v", probe + ":" + probe + ":ro", "-v", directory + ":" + directory));
    ownHooks.forEach(hooks -> words.addAll(List.of("-v", hooks + ":" + hooks + ":ro")));
    variables(inherited).forEach((name, value) -> words.addAll(List.of("-e", name + "=" + value)));
    return words.stream()
        .map(word -> word.matches("[A-Za-z0-9_./:=,@%+-]+") ? word : quoted(word))
        .collect(Collectors.joining(" ", "", "\n"));
  }

  private static String lines(
      Map<String, String> variables, String format, char escape, String escaped) {
    StringBuilder lines = new StringBuilder();
    variables.forEach((name, value) -> {
      StringBuilder safe = new StringBuilder();
      value
          .chars()
          .forEach(c -> {
            if (escaped.indexOf(c) >= 0) {
              safe.append(escape);
            }
            safe.append((char) c);
          });
      lines.append(String.format(Locale.ROOT, format, name, safe)).append('\n');
    });
    return lines.toString();
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
