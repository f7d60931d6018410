package dev.kerneltracer.tracer;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// How a model is built and run, whatever traces it.
///
/// @param set configuration values to replace, in the order given: dotted key and JSON value
/// @param dtype a torch dtype's name, or `auto`
/// @param device `cpu`, `cuda` or `auto`
/// @param batch sequences
/// @param promptTokens tokens of each prompt, where `prompt` is null
/// @param newTokens generated tokens: one prefill and `newTokens` - 1 decode steps
/// @param temperature null means greedy, as does `topP`
/// @param warmup runs before the recorded one
/// @param memoryCheck refuse a run whose estimated memory is not free
/// @param engine counts where vLLM runs the model
public record TraceSettings(
    List<Map.Entry<String, JsonNode>> set,
    boolean tiny,
    Weights weights,
    String dtype,
    String device,
    int batch,
    int promptTokens,
    int newTokens,
    @Nullable String prompt,
    @Nullable Double temperature,
    @Nullable Double topP,
    @Nullable String attnImplementation,
    boolean trustRemoteCode,
    long seed,
    int warmup,
    boolean memoryCheck,
    Recording recording,
    EngineSettings engine) {

  /// Where a model's weights come from.
  public enum Weights {
    REAL,
    RANDOM;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// What torch.profiler records beside the times.
  ///
  /// @param keyAverages also write torch's own totals of the run, to check ours against
  public record Recording(
      boolean recordShapes,
      boolean withStack,
      boolean profileMemory,
      boolean withFlops,
      boolean keyAverages) {

    /// What a tracer may name among its settings.
    ObjectNode toJson() {
      return new JsonMapper()
          .createObjectNode()
          .put("record_shapes", recordShapes)
          .put("with_stack", withStack)
          .put("profile_memory", profileMemory)
          .put("with_flops", withFlops);
    }
  }
}
