package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What can be recorded of a model: the description of a Python function `trace(workload, spec,
/// directory)` in the probe's module of the same name.
///
/// @param version of what it records: part of a job's identity, raised when results change
/// @param files what it leaves in its directory, by the names of the file formats
/// @param settings the names in [TraceSettings.Recording] that change what it records
/// @param exclusive two jobs of one group never run at the same time on one device; null for none
/// @param results makes its files, and reads them
public record Tracer(
    String name,
    String framework,
    int version,
    String description,
    List<String> files,
    List<String> settings,
    Set<Mode> modes,
    Set<Need> needs,
    @Nullable String exclusive,
    Results results) {
  /// Tracers that subscribe to CUPTI, of which there is one user per process and device.
  private static final String PROFILER = "profiler";

  public static final Tracer TORCH_PROFILER =
      new Tracer(
          "torch_profiler",
          "huggingface",
          1,
          "torch.profiler: every operator, kernel launch and kernel with its times",
          List.of(
              "trace",
              "torch_profile.json",
              "torch_kernel_profile.json",
              "torch_kernel_profile.csv",
              "torch_flops.json",
              "key_averages.json"),
          List.of("record_shapes", "with_stack", "profile_memory", "with_flops"),
          EnumSet.of(Mode.EVAL),
          EnumSet.noneOf(Need.class),
          PROFILER,
          new Results() {
            @Override
            public Findings make(Path directory) {
              ProfileFiles.Profile written =
                  ProfileFiles.write(TraceFiles.only(directory), directory, "torch");
              if (!written.trust().complete()) {
                throw new UserException(
                    ExitCode.JOBS_FAILED,
                    "torch.profiler wrote a damaged trace; is the disk full?",
                    null);
              }
              return written;
            }

            @Override
            public Findings read(Path directory) {
              return ProfileFiles.read(TraceFiles.only(directory));
            }
          });

  public static final Tracer TORCH_DISPATCH =
      new Tracer(
          "torch_dispatch",
          "huggingface",
          1,
          "TorchDispatchMode: every ATen operator with its inputs, counted exactly",
          List.of("torch_dispatch.json"),
          List.of(),
          EnumSet.of(Mode.EVAL),
          EnumSet.noneOf(Need.class),
          null,
          new Results() {
            @Override
            public Findings make(Path directory) {
              return DispatchCounts.read(directory);
            }

            @Override
            public Findings read(Path directory) {
              return DispatchCounts.read(directory);
            }
          });

  public static final Tracer VLLM_PROFILER =
      new Tracer(
          "vllm_profiler",
          "vllm",
          1,
          "vLLM's own torch.profiler in every worker: prefill and decode steps of the engine",
          List.of(
              "trace",
              "model",
              "ranks",
              "vllm_profile.json",
              "vllm_kernel_profile.json",
              "vllm_kernel_profile.csv"),
          List.of("record_shapes", "with_stack", "profile_memory", "with_flops"),
          EnumSet.of(Mode.EVAL),
          EnumSet.noneOf(Need.class),
          PROFILER,
          new VllmProfile());

  public static final List<Tracer> ALL = List.of(TORCH_PROFILER, TORCH_DISPATCH, VLLM_PROFILER);

  /// The tracers of those names for a framework, in the registry's order.
  ///
  /// @param names null for all
  /// @throws UserException for a name that no tracer of the framework bears
  public static List<Tracer> named(@Nullable List<String> names, String framework) {
    List<Tracer> there = ALL.stream().filter(tracer -> tracer.framework.equals(framework)).toList();
    if (names == null) {
      return there;
    }
    if (names.isEmpty()) {
      throw new UserException(ExitCode.USAGE, "--tracers names no tracer", null);
    }
    for (String name : names) {
      if (there.stream().noneMatch(tracer -> tracer.name.equals(name))) {
        throw new UserException(
            ExitCode.USAGE,
            "there is no tracer '" + name + "' for " + framework,
            "There are " + String.join(", ", there.stream().map(Tracer::name).toList()) + ".");
      }
    }
    return there.stream().filter(tracer -> names.contains(tracer.name)).toList();
  }
}
