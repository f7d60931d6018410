package dev.kerneltracer.python;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The NVIDIA driver of this machine, as the kernel and `nvidia-smi` show it.
///
/// @param version of the kernel's driver, null where none is loaded
/// @param gpus one line each from `nvidia-smi`: name, memory
/// @param deviceFiles `/dev/nvidia0` …: in a container without them no program sees a GPU
public record NvidiaDriver(@Nullable String version, List<String> gpus, List<Path> deviceFiles) {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final Path KERNEL = Path.of("/proc/driver/nvidia/version");
  private static final Pattern VERSION = Pattern.compile("NVRM version: .*?\\s(\\d+\\.[\\d.]+)\\s");

  public static NvidiaDriver ofThisMachine(Map<String, String> environment) {
    return new NvidiaDriver(loadedVersion(), visibleGpus(environment), files());
  }

  /// Whether programs of this machine, or container, can open an NVIDIA GPU.
  static boolean hasDevice() {
    return !files().isEmpty();
  }

  private static List<Path> files() {
    return DirectoryTree.entries(Path.of("/dev")).stream()
        .filter(p -> p.getFileName().toString().matches("nvidia\\d+"))
        .toList();
  }

  /// Whether there is any sign of an NVIDIA GPU.
  public boolean isPresent() {
    return version != null || !gpus.isEmpty() || !deviceFiles.isEmpty();
  }

  private static @Nullable String loadedVersion() {
    try {
      Matcher matcher = VERSION.matcher(Files.readString(KERNEL));
      return matcher.find() ? matcher.group(1) : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static List<String> visibleGpus(Map<String, String> environment) {
    List<Path> programs = ExecutablePath.of(environment).all("nvidia-smi");
    if (programs.isEmpty()) {
      return List.of();
    }
    try {
      TimedCommand.Answer answer =
          TimedCommand.run(
              List.of(
                  programs.getFirst().toString(),
                  "--query-gpu=name,memory.total",
                  "--format=csv,noheader"),
              environment,
              LIMIT);
      return answer.isOk()
          ? answer.output().lines().map(String::strip).filter(l -> !l.isEmpty()).toList()
          : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
