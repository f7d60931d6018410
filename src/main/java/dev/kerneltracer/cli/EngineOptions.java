package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.tracer.EngineSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/// The options of `trace` that set up vLLM's engine.
final class EngineOptions {
  @Option(
      names = {"--tensor-parallel-size", "-tp"},
      paramLabel = "N",
      order = 35,
      description = "vllm: GPUs that share the model (default: 1).")
  private @Nullable Integer tensorParallelSize;

  @Option(
      names = "--max-model-len",
      paramLabel = "N",
      order = 36,
      description = "vllm: longest sequence in tokens (default: the model's; short on a CPU).")
  private @Nullable Integer maxModelLen;

  @Option(
      names = "--gpu-memory-utilization",
      paramLabel = "SHARE",
      order = 37,
      description = "vllm: share of the GPU's memory to take (default: vLLM's own).")
  private @Nullable Double gpuMemoryUtilization;

  @Option(
      names = "--enforce-eager",
      order = 38,
      description = "vllm: neither CUDA graphs nor torch.compile.")
  private boolean enforceEager;

  @Option(
      names = "--engine-arg",
      paramLabel = "KEY=VALUE",
      order = 39,
      description =
          "vllm: any other engine argument of the installed version, the value as JSON or text."
              + " Repeatable.")
  private List<String> arguments = new ArrayList<>();

  EngineSettings settings(Framework framework) {
    EngineSettings settings =
        new EngineSettings(
            tensorParallelSize,
            maxModelLen,
            gpuMemoryUtilization,
            enforceEager,
            arguments.stream().map(EngineOptions::argument).toList());
    require(
        framework == Framework.VLLM || settings.equals(EngineSettings.DEFAULT),
        "--tensor-parallel-size, --max-model-len, --gpu-memory-utilization, --enforce-eager and"
            + " --engine-arg go with --framework vllm");
    require(
        tensorParallelSize == null || tensorParallelSize >= 1,
        "--tensor-parallel-size must be at least 1");
    require(maxModelLen == null || maxModelLen >= 1, "--max-model-len must be at least 1");
    require(
        gpuMemoryUtilization == null || (gpuMemoryUtilization > 0 && gpuMemoryUtilization <= 1),
        "--gpu-memory-utilization must be above 0 and at most 1");
    return settings;
  }

  /// vLLM's command line writes `max-num-seqs` what its code calls `max_num_seqs`.
  private static Map.Entry<String, JsonNode> argument(String text) {
    Map.Entry<String, JsonNode> entry = TraceOptions.keyValue("--engine-arg", text);
    String name = entry.getKey().startsWith("--") ? entry.getKey().substring(2) : entry.getKey();
    return Map.entry(name.replace('-', '_'), entry.getValue());
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer trace --help.");
    }
  }
}
