package dev.kerneltracer.batch;

import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// Jobs to plan with; none is run.
final class TestJobs {
  static final Map<String, String> VERSIONS =
      Map.of("torch", "2.13.0", "transformers", "5.19.0", "python", "3.11.7");

  private TestJobs() {}

  static TraceJob of(ModelReference model, Tracer tracer, Path outputs) {
    return new TraceJob(
        model, tracer, Mode.EVAL, settings(TraceSettings.Weights.RANDOM), outputs, VERSIONS);
  }

  static TraceJob of(String type, Tracer tracer) {
    return of(new ModelReference.Type(type), tracer, Path.of("outputs"));
  }

  static TraceSettings settings(TraceSettings.Weights weights) {
    return new TraceSettings(
        List.of(),
        false,
        weights,
        "auto",
        "cpu",
        1,
        16,
        8,
        null,
        null,
        null,
        null,
        false,
        0,
        1,
        true,
        new TraceSettings.Recording(true, false, false, false, false),
        EngineSettings.DEFAULT);
  }
}
