package dev.kerneltracer.sweep;

import dev.kerneltracer.trace.TraceMetadata;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The roofline of a sweep's directory: what its `job.json` and the model's config.json tell of the
/// operators' work, and its traces of the device.
final class SweepRoofline {
  private static final JsonMapper JSON = new JsonMapper();

  private SweepRoofline() {}

  /// Null where the model's sizes are not known, or a size's own record is not there.
  ///
  /// @param directory of the tables, with `logs_<b>` in it
  /// @param sizes at least one
  static @Nullable Roofline of(Path directory, List<SizeCost> sizes) {
    @Nullable JsonNode job = json(directory.resolve("job.json"));
    if (job == null) {
      // Of several input lengths each has its folder below the sweep's own.
      job = json(directory.toAbsolutePath().resolveSibling("job.json"));
    }
    if (job == null) {
      return null;
    }
    @Nullable Path configuration = configuration(directory, job);
    @Nullable ModelShape model = configuration == null ? null : ModelShape.read(configuration);
    if (configuration == null || model == null) {
      return null;
    }
    List<Roofline.Measured> measured = new ArrayList<>();
    for (SizeCost size : sizes) {
      @Nullable JsonNode record = json(folder(directory, size).resolve("size.json"));
      if (record == null) {
        return null;
      }
      measured.add(new Roofline.Measured(size.batch(), tokensEach(record, size), times(size)));
    }
    boolean onDevice = sizes.getFirst().onDevice();
    return Roofline.of(
        model,
        sizes.getFirst().phase(),
        measured,
        elementBytes(job, configuration, onDevice),
        Math.max(1, job.path("engine").path("tensor_parallel_size").asInt(1)),
        onDevice ? limits(folder(directory, sizes.getFirst())) : null);
  }

  private static Path folder(Path directory, SizeCost size) {
    return directory.resolve("logs_" + size.batch());
  }

  private static @Nullable Path configuration(Path directory, JsonNode job) {
    for (Path made :
        List.of(directory.resolve("model"), directory.toAbsolutePath().resolveSibling("model"))) {
      if (Files.isRegularFile(made.resolve("config.json"))) {
        return made.resolve("config.json");
      }
    }
    String path = job.path("model").path("path").asString("");
    return path.isEmpty() ? null : Path.of(path, "config.json");
  }

  /// The profiled steps of a decode are spread evenly over the output: in the middle of them half
  /// of it is there.
  private static double tokensEach(JsonNode record, SizeCost size) {
    int input = record.path("input").asInt(0);
    return size.phase() == SweepPhase.PREFILL
        ? input
        : input + record.path("output").asInt(0) / 2.0;
  }

  private static Map<OpType, Long> times(SizeCost size) {
    return size.median().timesNs();
  }

  private static int elementBytes(JsonNode job, Path configuration, boolean onDevice) {
    String dtype = job.path("dtype").asString("auto");
    if (dtype.equals("auto")) {
      @Nullable JsonNode config = json(configuration);
      JsonNode text = config == null ? job.path("none") : config;
      dtype = text.path("dtype").asString(text.path("torch_dtype").asString(""));
    }
    return switch (dtype) {
      case "float32", "float" ->
          onDevice && job.path("dtype").asString("auto").equals("auto") ? 2 : 4;
      case "bfloat16", "float16", "half" -> 2;
      default -> onDevice ? 2 : 4;
    };
  }

  private static @Nullable DeviceLimits limits(Path folder) {
    Path trace = folder.resolve("trace_1.json.gz");
    if (!Files.isRegularFile(trace)) {
      return null;
    }
    List<TraceMetadata.Device> devices = TraceReader.read(trace).metadata().devices();
    return devices.isEmpty() ? null : DeviceLimits.known(devices.getFirst().name());
  }

  private static @Nullable JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readString(file));
    } catch (IOException | JacksonException e) {
      return null;
    }
  }
}
