package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.HubSettings;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.serve.ServerSettings;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.TraceSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/// The options of a command that starts a vLLM server of its own.
final class ServerOptions {
  private static final Pattern DTYPE = Pattern.compile("[a-z0-9_]{1,20}");
  private static final int MOST_PORTS = 65_535;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      order = 1,
      description =
          "What the server serves: org/name of the hub's cache, or type:NAME for a model type with"
              + " random weights.")
  private @Nullable String model;

  @Option(
      names = "--model-path",
      paramLabel = "DIR",
      order = 1,
      description = "A directory with a config.json.")
  private @Nullable Path modelPath;

  @Option(
      names = "--tiny",
      order = 2,
      description = "The same structure with small numbers; random weights.")
  private boolean tiny;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      order = 2,
      description = "Change a value of the model's configuration. Repeatable.")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--weights",
      paramLabel = "real|random",
      order = 2,
      description =
          "random reads no weight file (default: random for type:NAME, --tiny and --set, else"
              + " real).")
  private TraceSettings.@Nullable Weights weights;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      defaultValue = "auto",
      order = 2,
      description = "auto, bfloat16, float16, float32 (default: ${DEFAULT-VALUE}).")
  private String dtype = "auto";

  @Option(
      names = "--trust-remote-code",
      order = 2,
      description = "Run Python code that the model brings along.")
  private boolean trustRemoteCode;

  @Option(
      names = "--port",
      paramLabel = "N",
      order = 3,
      description = "The server's port (default: a free one).")
  private int port;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      order = 3,
      description = "The address that the server listens on (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(
      names = "--startup-timeout",
      paramLabel = "SECONDS",
      defaultValue = "1800",
      order = 3,
      description =
          "How long the server may take until its first answer (default: ${DEFAULT-VALUE}).")
  private int startupTimeout;

  @Mixin private EngineOptions engine = new EngineOptions();

  /// Whether a server of our own is asked for.
  boolean namesModel() {
    return model != null || modelPath != null;
  }

  Duration startupTimeout() {
    return Duration.ofSeconds(startupTimeout);
  }

  /// What the server is to be.
  ///
  /// @param words of vLLM's own command line
  /// @throws UserException where something does not go together
  ServerSettings settings(
      List<String> words, boolean eager, ServerSettings.@Nullable Profiling profiling) {
    require(model == null || modelPath == null, "--model and --model-path exclude each other");
    require(port >= 0 && port <= MOST_PORTS, "--port is a number from 1 to 65535");
    require(startupTimeout >= 1, "--startup-timeout must be at least 1");
    require(DTYPE.matcher(dtype).matches(), "--dtype '" + dtype + "' is no torch dtype");
    ModelReference reference = reference();
    boolean ofType = reference instanceof ModelReference.Type;
    boolean random =
        TraceOptions.weights(weights, ofType, tiny, !set.isEmpty(), "profile")
            == TraceSettings.Weights.RANDOM;
    EngineSettings asked = engine.settings(Framework.VLLM);
    List<Map.Entry<String, JsonNode>> changes =
        set.stream().map(text -> TraceOptions.keyValue("--set", text)).toList();
    return new ServerSettings(
        reference,
        changes,
        tiny,
        random,
        dtype,
        "auto",
        trustRemoteCode,
        0,
        new EngineSettings(
            asked.tensorParallelSize(),
            asked.maxModelLen(),
            asked.gpuMemoryUtilization(),
            asked.enforceEager() || eager,
            asked.arguments()),
        words,
        host,
        port,
        profiling);
  }

  private ModelReference reference() {
    if (modelPath != null) {
      ModelReference named = ModelReference.directory(modelPath);
      if (named.directory() != null) {
        ModelFiles.configuration(named.directory());
      }
      return named;
    }
    if (model == null) {
      throw new UserException(
          ExitCode.USAGE,
          "profile needs a model to serve, or a server: --model NAME, --model-path DIR or --url URL",
          "To try it: kerneltracer profile --model type:qwen3 --tiny --duration 20 --rate 2");
    }
    HubSettings hub = HubSettings.of(System.getenv());
    ModelReference parsed = ModelReference.parse(model, System.getenv());
    // What is missing of its weights vLLM would find out only after a while.
    if (parsed instanceof ModelReference.Hub named
        && weights != TraceSettings.Weights.RANDOM
        && !tiny
        && set.isEmpty()
        && !ModelFiles.missingWeights(named.directory()).isEmpty()) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "weight files of " + named.name() + " are missing in " + named.directory(),
          hub.offline()
              ? "Fetch them where there is a network: kerneltracer models download " + named.name()
              : "Fetch them: kerneltracer models download " + named.name());
    }
    return parsed;
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer profile --help.");
    }
  }
}
