package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.NumberRanges;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.TraceSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/// The options of `trace` that say how the model is built, run and recorded.
final class TraceOptions {
  private static final Pattern DTYPE = Pattern.compile("auto|[a-z]+[0-9]*[a-z0-9_]*");

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      order = 10,
      description =
          "Override a configuration value; a dotted key for nested ones, the value as JSON or text."
              + " Repeatable.")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--tiny",
      order = 11,
      description = "The same structure with small numbers: two layers of each kind.")
  private boolean tiny;

  @Option(
      names = "--weights",
      paramLabel = "KIND",
      order = 12,
      description =
          "real or random (default: real for a model with weights, random for type:NAME, --tiny and"
              + " --set).")
  private TraceSettings.@Nullable Weights weights;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      defaultValue = "auto",
      order = 13,
      description =
          "float32, bfloat16, float16 … (default: the model's own; else bfloat16 on a GPU, float32"
              + " on a CPU).")
  private String dtype = "auto";

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "auto",
      order = 14,
      description = "cpu, cuda or auto (default: a GPU where there is one).")
  private String device = "auto";

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1",
      order = 15,
      description = "Sequences run together (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      defaultValue = "16",
      order = 16,
      description = "Length of the random prompt (default: ${DEFAULT-VALUE}).")
  private int promptTokens;

  @Option(
      names = "--new-tokens",
      paramLabel = "N",
      defaultValue = "8",
      order = 17,
      description =
          "Tokens to generate: one prefill and N-1 decode steps (default: ${DEFAULT-VALUE}).")
  private int newTokens;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      order = 18,
      description = "A real prompt, through the model's tokenizer.")
  private @Nullable String prompt;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      order = 19,
      description = "Sample at this temperature (default: greedy).")
  private @Nullable Double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      order = 20,
      description = "Sample from the most probable tokens that sum up to P.")
  private @Nullable Double topP;

  @Option(
      names = "--attn-implementation",
      paramLabel = "NAME",
      order = 21,
      description = "eager, sdpa, flash_attention_2 … (default: Transformers' choice).")
  private @Nullable String attnImplementation;

  @Option(
      names = "--trust-remote-code",
      order = 22,
      description = "Run Python code that the model brings along.")
  private boolean trustRemoteCode;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      order = 23,
      description = "For weights, prompt and sampling (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "1",
      order = 24,
      description = "Runs before the recorded one (default: ${DEFAULT-VALUE}).")
  private int warmup;

  @Option(
      names = "--memory-check",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      order = 25,
      description = "Refuse a run whose estimated memory is not free (default: on).")
  private boolean memoryCheck = true;

  @Option(
      names = "--record-shapes",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      order = 30,
      description = "torch_profiler: the shapes of operators' inputs (default: on).")
  private boolean recordShapes = true;

  @Option(
      names = "--with-stack",
      order = 31,
      description =
          "torch_profiler: Python call stacks and modules (slower, larger traces); module_path: the"
              + " stack of every call.")
  private boolean withStack;

  @Option(
      names = "--module-filter",
      paramLabel = "REGEX",
      order = 34,
      description =
          "module_path: print only modules in whose class or path it is found, with all inside them."
              + " Files hold everything.")
  private @Nullable String moduleFilter;

  @Option(
      names = "--layers",
      paramLabel = "N-M,…",
      order = 34,
      description = "module_path: print only these layers, as in 0,1 or 0-3.")
  private @Nullable String layers;

  @Option(
      names = "--profile-memory",
      order = 32,
      description = "torch_profiler: allocations and frees.")
  private boolean profileMemory;

  @Option(
      names = "--with-flops",
      order = 33,
      description = "torch_profiler: FLOPs by torch's formulas, in torch_flops.json.")
  private boolean withFlops;

  @Option(names = "--key-averages", hidden = true)
  private boolean keyAverages;

  /// @param ofType the model is a type's default configuration, which has no weights
  TraceSettings settings(boolean ofType, EngineSettings engine) {
    require(batch >= 1, "--batch must be at least 1");
    require(promptTokens >= 1, "--prompt-tokens must be at least 1");
    require(newTokens >= 1, "--new-tokens must be at least 1");
    require(warmup >= 0, "--warmup must not be negative");
    require(temperature == null || temperature > 0, "--temperature must be above 0");
    require(topP == null || (topP > 0 && topP <= 1), "--top-p must be above 0 and at most 1");
    require(DTYPE.matcher(dtype).matches(), "--dtype '" + dtype + "' is no torch dtype");
    require(
        List.of("auto", "cpu", "cuda").contains(device),
        "--device is cpu, cuda or auto, not '" + device + "'");
    TraceSettings.Weights kind = weights(weights, ofType, tiny, !set.isEmpty(), "trace");
    return new TraceSettings(
        set.stream().map(text -> keyValue("--set", text)).toList(),
        tiny,
        kind,
        dtype,
        device,
        batch,
        promptTokens,
        newTokens,
        prompt,
        temperature,
        topP,
        attnImplementation,
        trustRemoteCode,
        seed,
        warmup,
        memoryCheck,
        new TraceSettings.Recording(recordShapes, withStack, profileMemory, withFlops, keyAverages),
        engine);
  }

  /// What of an inference path is printed.
  PathFilter pathFilter() {
    Pattern modules = null;
    if (moduleFilter != null) {
      try {
        modules = Pattern.compile(moduleFilter);
      } catch (PatternSyntaxException e) {
        throw new UserException(
            ExitCode.USAGE,
            "--module-filter '"
                + moduleFilter
                + "' is no regular expression: "
                + e.getDescription(),
            "As in --module-filter 'Attention|mlp'.",
            e);
      }
    }
    try {
      return new PathFilter(modules, layers == null ? null : NumberRanges.parse(layers));
    } catch (IllegalArgumentException e) {
      throw new UserException(ExitCode.USAGE, "--layers: " + e.getMessage(), null, e);
    }
  }

  /// `KEY=VALUE`: the value is JSON where it can be read as such, else text.
  static Map.Entry<String, JsonNode> keyValue(String option, String text) {
    int equals = text.indexOf('=');
    require(equals > 0, option + " takes KEY=VALUE, not '" + text + "'");
    String value = text.substring(equals + 1);
    JsonNode node;
    try {
      node = new JsonMapper().readTree(value);
    } catch (JacksonException e) {
      node = StringNode.valueOf(value);
    }
    return Map.entry(
        text.substring(0, equals).strip(), node.isMissingNode() ? StringNode.valueOf(value) : node);
  }

  /// Real or random: random for what has no weights of that shape, unless it is asked otherwise.
  ///
  /// @param asked by the user
  /// @param changed values of the configuration were set
  /// @param command whose help an error names
  static TraceSettings.Weights weights(
      TraceSettings.@Nullable Weights asked,
      boolean ofType,
      boolean tiny,
      boolean changed,
      String command) {
    if (asked == null) {
      return ofType || tiny || changed ? TraceSettings.Weights.RANDOM : TraceSettings.Weights.REAL;
    }
    if (asked == TraceSettings.Weights.REAL) {
      require(!ofType, "--weights real: a model type has no weights", command);
      require(
          !tiny,
          "--weights real does not go with --tiny: the real weights have other shapes",
          command);
    }
    return asked;
  }

  private static void require(boolean holds, String message) {
    require(holds, message, "trace");
  }

  private static void require(boolean holds, String message, String command) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer " + command + " --help.");
    }
  }
}
