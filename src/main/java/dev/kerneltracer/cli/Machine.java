package dev.kerneltracer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a process may use here: a container's limits count where they are lower.
///
/// @param memoryBytes 0 where it cannot be told
/// @param availableBytes of memory, without swapping; 0 where it cannot be told
record Machine(int cpuCores, long memoryBytes, long availableBytes, String architecture) {
  private static final Path CONTAINER_LIMIT = Path.of("/sys/fs/cgroup/memory.max");

  static Machine here() {
    long total = memoryInfo("MemTotal");
    long available = memoryInfo("MemAvailable");
    try {
      String limit = Files.readString(CONTAINER_LIMIT).strip();
      if (limit.matches("[0-9]{1,18}")) {
        total = Math.min(total, Long.parseLong(limit));
        available = Math.min(available, total);
      }
    } catch (IOException e) {
      // No such limit.
    }
    return new Machine(
        Runtime.getRuntime().availableProcessors(),
        total,
        available,
        System.getProperty("os.arch", ""));
  }

  private static long memoryInfo(String key) {
    try {
      Matcher matcher =
          Pattern.compile("(?m)^" + key + ":\\s+(\\d+) kB")
              .matcher(Files.readString(Path.of("/proc/meminfo")));
      return matcher.find() ? Long.parseLong(matcher.group(1)) * 1024 : 0;
    } catch (IOException e) {
      return 0;
    }
  }
}
