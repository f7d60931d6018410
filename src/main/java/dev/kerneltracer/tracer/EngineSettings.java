package dev.kerneltracer.tracer;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// How vLLM's engine is set up, where a model runs in it. What is null is left to the installed
/// vLLM.
///
/// @param tensorParallelSize devices that share the model
/// @param maxModelLen longest sequence, prompt and output together, in tokens
/// @param gpuMemoryUtilization share of a device's memory that the engine may take, above 0 and at
///   most 1
/// @param enforceEager neither CUDA graphs nor torch.compile
/// @param arguments further ones, by the engine's own names and in the order given
public record EngineSettings(
    @Nullable Integer tensorParallelSize,
    @Nullable Integer maxModelLen,
    @Nullable Double gpuMemoryUtilization,
    boolean enforceEager,
    List<Map.Entry<String, JsonNode>> arguments) {
  /// Everything is left to the engine.
  public static final EngineSettings DEFAULT =
      new EngineSettings(null, null, null, false, List.of());

  public EngineSettings {
    arguments = List.copyOf(arguments);
  }

  /// As the probe reads it.
  public ObjectNode toJson() {
    ObjectNode node = new JsonMapper().createObjectNode();
    node.put("tensor_parallel_size", tensorParallelSize);
    node.put("max_model_len", maxModelLen);
    node.put("gpu_memory_utilization", gpuMemoryUtilization);
    node.put("enforce_eager", enforceEager);
    ArrayNode all = node.putArray("arguments");
    for (Map.Entry<String, JsonNode> argument : arguments) {
      all.addArray().add(argument.getKey()).add(argument.getValue());
    }
    return node;
  }
}
