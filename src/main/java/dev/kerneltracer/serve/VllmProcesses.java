package dev.kerneltracer.serve;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Processes of vLLM on this machine, as /proc shows them.
public final class VllmProcesses {
  // Servers, and what vLLM calls the processes that it starts: `VLLM::EngineCore`,
  // `VLLM::Worker_TP0`.
  private static final Pattern COMMAND =
      Pattern.compile(
          "^VLLM::|(?:^|/)vllm (?:serve|chat|complete|bench)\\b|vllm\\.entrypoints\\.|vllm/entrypoints/");

  private VllmProcesses() {}

  /// One process.
  ///
  /// @param command its command line, or the name that it gave itself
  /// @param orphan whether who started it is gone
  public record Found(long pid, String command, boolean orphan) {}

  /// All that can be seen, in the order of their numbers; not this process.
  public static List<Found> all() {
    return all(Path.of("/proc"));
  }

  static List<Found> all(Path proc) {
    List<Found> found = new ArrayList<>();
    try (Stream<Path> directories = Files.list(proc)) {
      for (Path directory :
          directories.filter(path -> path.getFileName().toString().matches("\\d+")).toList()) {
        String command = command(directory);
        if (COMMAND.matcher(command).find()) {
          long pid = Long.parseLong(directory.getFileName().toString());
          if (pid != ProcessHandle.current().pid()) {
            found.add(new Found(pid, command, parent(directory) == 1));
          }
        }
      }
    } catch (IOException e) {
      return found;
    }
    found.sort(java.util.Comparator.comparingLong(Found::pid));
    return found;
  }

  private static String command(Path directory) {
    try {
      return new String(Files.readAllBytes(directory.resolve("cmdline")), StandardCharsets.UTF_8)
          .replace('\0', ' ')
          .strip();
    } catch (IOException e) {
      return ""; // ended meanwhile
    }
  }

  private static long parent(Path directory) {
    try {
      String stat = Files.readString(directory.resolve("stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", 3);
      return Long.parseLong(fields[1]);
    } catch (IOException | RuntimeException e) {
      return 0;
    }
  }
}
