package dev.kerneltracer.serve;

import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.EngineSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a vLLM server is started with.
///
/// @param set changed values of the model's configuration, by dotted key
/// @param tiny the same structure with small numbers
/// @param randomWeights no weight file is read
/// @param dtype a torch dtype, or `auto`
/// @param device `cpu`, `cuda` or `auto`
/// @param words of vLLM's own command line, as they are
/// @param host the address that it listens on
/// @param port a port, or 0 for a free one
/// @param profiling null where nothing is profiled
public record ServerSettings(
    ModelReference model,
    List<Map.Entry<String, JsonNode>> set,
    boolean tiny,
    boolean randomWeights,
    String dtype,
    String device,
    boolean trustRemoteCode,
    long seed,
    EngineSettings engine,
    List<String> words,
    String host,
    int port,
    @Nullable Profiling profiling) {
  public ServerSettings {
    set = List.copyOf(set);
    words = List.copyOf(words);
  }

  /// The profiler of its workers, which records nothing before it is told to.
  ///
  /// @param directory where traces are written
  /// @param maxIterations steps after which it stops by itself, where the version can; 0 for never
  public record Profiling(
      Path directory, boolean recordShapes, boolean withStack, int maxIterations) {}

  /// The name by which requests call the model.
  public String modelName() {
    return model.label();
  }

  /// What the probe reads.
  ///
  /// @param chosenPort the port in place of 0
  ObjectNode specification(int chosenPort) {
    ObjectNode spec = new JsonMapper().createObjectNode();
    ObjectNode server = spec.putObject("server");
    server.put("host", host).put("port", chosenPort).put("name", modelName());
    ArrayNode further = server.putArray("words");
    words.forEach(further::add);
    if (profiling == null) {
      server.putNull("profile");
    } else {
      server
          .putObject("profile")
          .put("directory", profiling.directory().toAbsolutePath().toString())
          .put("record_shapes", profiling.recordShapes())
          .put("with_stack", profiling.withStack())
          .put("max_iterations", profiling.maxIterations());
    }
    spec.put("framework", "vllm");
    ObjectNode reference = spec.putObject("model");
    switch (model) {
      case ModelReference.Type type -> reference.put("kind", "type").put("name", type.name());
      case ModelReference.Hub hub ->
          reference
              .put("kind", "hub")
              .put("name", hub.name())
              .put("path", hub.directory().toString());
      case ModelReference.Directory local ->
          reference.put("kind", "path").put("path", local.directory().toString());
    }
    ArrayNode changes = spec.putArray("set");
    set.forEach(entry -> changes.addArray().add(entry.getKey()).add(entry.getValue()));
    spec.put("tiny", tiny);
    spec.put("weights", randomWeights ? "random" : "real");
    spec.put("dtype", dtype);
    spec.put("device", device);
    spec.put("trust_remote_code", trustRemoteCode);
    spec.put("seed", seed);
    spec.set("engine", engine.toJson());
    return spec;
  }
}
