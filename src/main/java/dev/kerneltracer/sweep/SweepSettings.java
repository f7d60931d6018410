package dev.kerneltracer.sweep;

import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.Findings;
import dev.kerneltracer.tracer.Layout;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Need;
import dev.kerneltracer.tracer.Results;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a sweep runs.
///
/// @param sizes at least one
/// @param steps profiled steps of each size
/// @param outputTokens of each request
/// @param warmup exact steps before the first that may be profiled
/// @param patienceSeconds without progress, after which a batch that cannot be together is let go
/// @param torchTable keep torch's own table of each size
/// @param versions torch, transformers and vllm of the interpreter
public record SweepSettings(
    ModelReference model,
    SweepPhase phase,
    List<SweepSize> sizes,
    int outputTokens,
    int steps,
    int warmup,
    double patienceSeconds,
    boolean torchTable,
    List<Map.Entry<String, JsonNode>> set,
    boolean tiny,
    TraceSettings.Weights weights,
    String dtype,
    String device,
    boolean trustRemoteCode,
    boolean memoryCheck,
    long seed,
    EngineSettings engine,
    Path outputDirectory,
    boolean severalInputs,
    Map<String, String> versions) {
  /// Raised when what is recorded changes.
  private static final int VERSION = 1;

  public SweepSettings {
    sizes = List.copyOf(sizes);
    set = List.copyOf(set);
  }

  /// Where the tables of the sizes of one input length lie.
  public Path tableDirectory(int inputTokens) {
    return severalInputs ? outputDirectory.resolve("input_" + inputTokens) : outputDirectory;
  }

  /// Where the traces of a size lie.
  public Path folder(SweepSize size) {
    return tableDirectory(size.inputTokens()).resolve("logs_" + size.batch());
  }

  /// A hash of all that decides a size's result.
  String identity(SweepSize size) {
    return job(size.batch(), size.inputTokens()).identity() + "-" + steps;
  }

  /// The same for all sizes of one table.
  String series(int inputTokens) {
    return identity(new SweepSize(1, inputTokens));
  }

  /// What the probe reads, for some of the sizes.
  ObjectNode specification(List<SweepSize> open) {
    int batch = open.stream().mapToInt(SweepSize::batch).max().orElse(1);
    int input = open.stream().mapToInt(SweepSize::inputTokens).max().orElse(1);
    ObjectNode spec = job(batch, input).specification();
    ObjectNode sweep = spec.putObject("sweep");
    sweep.put("phase", phase.text()).put("steps", steps);
    sweep.put("patience_s", patienceSeconds).put("table", torchTable);
    ArrayNode all = sweep.putArray("sizes");
    for (SweepSize size : open) {
      all.addObject()
          .put("batch", size.batch())
          .put("input", size.inputTokens())
          .put("directory", folder(size).toAbsolutePath().toString())
          .put("series", series(size.inputTokens()))
          .put("identity", identity(size));
    }
    return spec;
  }

  private TraceJob job(int batch, int inputTokens) {
    TraceSettings settings =
        new TraceSettings(
            set,
            tiny,
            weights,
            dtype,
            device,
            batch,
            inputTokens,
            outputTokens,
            null,
            null,
            null,
            null,
            trustRemoteCode,
            seed,
            warmup,
            memoryCheck,
            new TraceSettings.Recording(true, false, false, false, false),
            engine);
    return new TraceJob(
        model, tracer(phase), Mode.EVAL, settings, outputDirectory, Layout.FLAT, versions);
  }

  private static Tracer tracer(SweepPhase phase) {
    return new Tracer(
        "sweep_" + phase.text(),
        "vllm",
        VERSION,
        "exact batches, step by step",
        "",
        List.of(),
        List.of(),
        EnumSet.of(Mode.EVAL),
        EnumSet.noneOf(Need.class),
        "profiler",
        Results.of(_ -> new Findings.Summary("", Map.of())),
        null);
  }
}
