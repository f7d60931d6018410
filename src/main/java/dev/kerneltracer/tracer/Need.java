package dev.kerneltracer.tracer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a tracer cannot do without. Where it is missing, the tracer is skipped with that as the
/// reason: it has not failed.
public enum Need {
  /// A compiler for what torch.compile generates.
  COMPILER("a C++ compiler, or Triton on a GPU"),
  GPU("a GPU"),
  /// The model's own Python, layer by layer: nothing compiled, no CUDA graphs.
  EAGER("eager mode");

  private final String text;

  Need(String text) {
    this.text = text;
  }

  public String text() {
    return text;
  }

  /// What is missing, as far as that can be told before a process is started; null where nothing
  /// is.
  ///
  /// @param device `cpu`, `cuda` or `auto`
  /// @param packages of the interpreter
  /// @param environment of the process to come
  @Nullable String missing(
      String device, Map<String, String> packages, Map<String, String> environment) {
    boolean gpu = device.equals("cuda") || (device.equals("auto") && hasGpu(environment));
    return switch (this) {
      case GPU ->
          gpu
              ? null
              : "needs a GPU, and " + (device.equals("cpu") ? "--device is cpu" : "none is here");
      case COMPILER -> {
        if (gpu && !packages.containsKey("triton")) {
          yield "needs Triton on a GPU, which this Python does not have";
        }
        List<String> compilers =
            gpu ? List.of("gcc", "clang", "cc") : List.of("g++", "clang++", "c++");
        String named = environment.get(gpu ? "CC" : "CXX");
        boolean there =
            named != null || compilers.stream().anyMatch(name -> isOnPath(name, environment));
        yield there ? null : "needs a C++ compiler, and there is no " + compilers.getFirst();
      }
      case EAGER -> null;
    };
  }

  /// Whether `auto` may become a GPU.
  static boolean hasGpu(Map<String, String> environment) {
    String visible = environment.get("CUDA_VISIBLE_DEVICES");
    boolean hidden = visible != null && (visible.isBlank() || visible.strip().equals("-1"));
    return !hidden && (Files.exists(Path.of("/dev/nvidia0")) || Files.exists(Path.of("/dev/kfd")));
  }

  private static boolean isOnPath(String name, Map<String, String> environment) {
    for (String directory : environment.getOrDefault("PATH", "").split(":", -1)) {
      if (directory.startsWith("/") && Files.isExecutable(Path.of(directory, name))) {
        return true;
      }
    }
    return false;
  }
}
