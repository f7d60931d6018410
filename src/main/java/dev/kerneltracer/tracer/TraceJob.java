package dev.kerneltracer.tracer;

import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.Framework;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// One tracer over one model: what runs in one process and owns one directory.
///
/// @param outputDirectory the run directory; the job's own lies below it
/// @param versions torch, transformers and vllm of the interpreter, as far as they are there
public record TraceJob(
    ModelReference model,
    Tracer tracer,
    Mode mode,
    TraceSettings settings,
    Path outputDirectory,
    Layout layout,
    Map<String, String> versions) {
  private static final JsonMapper JSON = new JsonMapper();

  /// One in the usual layout.
  public TraceJob(
      ModelReference model,
      Tracer tracer,
      Mode mode,
      TraceSettings settings,
      Path outputDirectory,
      Map<String, String> versions) {
    this(model, tracer, mode, settings, outputDirectory, Layout.NESTED, versions);
  }

  /// The same job with the model found elsewhere.
  public TraceJob withModel(ModelReference found) {
    return new TraceJob(found, tracer, mode, settings, outputDirectory, layout, versions);
  }

  /// `OUTPUT_DIR/<org>/<model>/<mode>/<tracer>`, or `OUTPUT_DIR/<tracer>`.
  public Path directory() {
    return outputDirectory.resolve(relativeDirectory());
  }

  Path relativeDirectory() {
    return layout.of(this);
  }

  /// Why it need not be started: the tracer does not record this mode, or misses what it needs.
  /// Null where it may.
  public @Nullable String inapplicable(Map<String, String> environment) {
    if (!tracer.modes().contains(mode)) {
      return "does not trace --mode " + mode.text();
    }
    for (Need need : tracer.needs()) {
      String missing = need.missing(settings.device(), versions, environment);
      if (missing != null) {
        return missing;
      }
    }
    return null;
  }

  /// Where the model lay when the job last ran here, as its specification tells; null where it does
  /// not.
  public @Nullable Path recordedModelPath() {
    try {
      JsonNode earlier =
          JSON.readTree(Files.readString(directory().resolve(JobDirectory.SPECIFICATION)));
      String path = earlier.path("model").path("path").asString("");
      return path.isEmpty() ? null : Path.of(path);
    } catch (IOException | JacksonException | InvalidPathException e) {
      return null;
    }
  }

  /// What the probe reads (`job.json`): everything that the run depends on.
  public ObjectNode specification() {
    ObjectNode spec = JSON.createObjectNode();
    spec.put("tracer", tracer.name());
    if (tracer.file() != null) {
      spec.put("tracer_file", tracer.file().path().toString());
    }
    spec.put("framework", tracer.framework());
    spec.put("mode", mode.text());
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
    ArrayNode set = spec.putArray("set");
    for (Map.Entry<String, JsonNode> entry : settings.set()) {
      set.addArray().add(entry.getKey()).add(entry.getValue());
    }
    spec.put("tiny", settings.tiny());
    spec.put("weights", settings.weights().text());
    spec.put("dtype", settings.dtype());
    spec.put("device", settings.device());
    spec.put("batch", settings.batch());
    spec.put("prompt_tokens", settings.promptTokens());
    spec.put("new_tokens", settings.newTokens());
    spec.put("prompt", settings.prompt());
    spec.put("temperature", settings.temperature());
    spec.put("top_p", settings.topP());
    spec.put("attn_implementation", settings.attnImplementation());
    spec.put("trust_remote_code", settings.trustRemoteCode());
    spec.put("seed", settings.seed());
    spec.put("warmup", settings.warmup());
    spec.put("memory_check", settings.memoryCheck());
    if (tracer.framework().equals(Framework.VLLM.resultName())) {
      spec.set("engine", settings.engine().toJson());
    }
    ObjectNode tracerSettings = spec.putObject("tracer_settings");
    ObjectNode recording = settings.recording().toJson();
    tracer.settings().forEach(name -> tracerSettings.set(name, recording.get(name)));
    spec.put("trace_name", String.valueOf(model.resultPath().getFileName()));
    spec.put("key_averages", settings.recording().keyAverages());
    return spec;
  }

  /// A hash of all that decides the result: the specification, the model's revision or files, the
  /// tracer's version, and the frameworks' major.minor. Not of KernelTracer's own version.
  public String identity() {
    StringBuilder text = new StringBuilder();
    ObjectNode spec = specification();
    // Where the same files lie does not change what runs.
    spec.withObject("model").remove("path");
    spec.remove("memory_check");
    if (tracer.file() != null) {
      spec.put("tracer_file", tracer.file().sha256());
    }
    text.append(spec).append('\n').append(tracer.version()).append('\n');
    if (settings.device().equals("auto")) {
      // What `auto` becomes: the same command with and without a GPU are two jobs.
      boolean gpu = Files.exists(Path.of("/dev/nvidia0")) || Files.exists(Path.of("/dev/kfd"));
      text.append(gpu ? System.getenv("CUDA_VISIBLE_DEVICES") : "cpu").append('\n');
    }
    switch (model) {
      case ModelReference.Type _ -> {}
      case ModelReference.Hub hub -> text.append(hub.directory().getFileName()).append('\n');
      case ModelReference.Directory local -> {
        text.append(ModelFiles.configuration(local.directory())).append('\n');
        boolean real = settings.weights() == TraceSettings.Weights.REAL;
        ModelFiles.fingerprint(local.directory(), real)
            .forEach(line -> text.append(line).append('\n'));
      }
    }
    for (String name : List.of("torch", "transformers", "vllm")) {
      text.append(name)
          .append(' ')
          .append(majorMinor(versions.getOrDefault(name, "")))
          .append('\n');
    }
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(text.toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String majorMinor(String version) {
    int first = version.indexOf('.');
    int second = first < 0 ? -1 : version.indexOf('.', first + 1);
    return second < 0 ? version : version.substring(0, second);
  }
}
