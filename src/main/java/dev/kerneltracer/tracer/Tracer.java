package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.util.ArrayList;
import java.util.List;

/// What can be recorded of a model. The Python function of the same name lies in the probe.
///
/// @param version of what it records: part of a job's identity, raised when results change
/// @param files what it leaves in its directory, by the names of the file formats
public record Tracer(
    String name, int version, String framework, String description, List<String> files) {

  public static final Tracer TORCH_PROFILER =
      new Tracer(
          "torch_profiler",
          1,
          "huggingface",
          "torch.profiler: every operator, kernel launch and kernel with its times",
          List.of(
              "trace",
              "torch_profile.json",
              "torch_kernel_profile.json",
              "torch_kernel_profile.csv",
              "torch_flops.json",
              "key_averages.json"));

  public static final Tracer TORCH_DISPATCH =
      new Tracer(
          "torch_dispatch",
          1,
          "huggingface",
          "TorchDispatchMode: every ATen operator with its inputs, counted exactly",
          List.of("torch_dispatch.json"));

  public static final List<Tracer> ALL = List.of(TORCH_PROFILER, TORCH_DISPATCH);

  /// The tracers of those names, in the registry's order.
  ///
  /// @throws UserException for a name that no tracer bears
  public static List<Tracer> named(List<String> names) {
    List<Tracer> found = new ArrayList<>();
    if (names.isEmpty()) {
      throw new UserException(ExitCode.USAGE, "--tracers names no tracer", null);
    }
    for (String name : names) {
      if (ALL.stream().noneMatch(tracer -> tracer.name.equals(name))) {
        throw new UserException(
            ExitCode.USAGE,
            "there is no tracer '" + name + "'",
            "There are " + String.join(", ", ALL.stream().map(Tracer::name).toList()) + ".");
      }
    }
    for (Tracer tracer : ALL) {
      if (names.contains(tracer.name)) {
        found.add(tracer);
      }
    }
    return found;
  }
}
