package dev.kerneltracer.serve;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Who listens on a port of this machine.
///
/// @param pid -1 where it cannot be seen: a process of another user
/// @param command empty where it cannot be seen
public record PortOwner(int port, long pid, String command) {
  private static final String LISTENING = "0A";

  /// The owner; null where the port is free.
  public static @Nullable PortOwner of(int port) {
    Set<String> sockets = listening(port);
    if (sockets.isEmpty()) {
      return null;
    }
    try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
      for (Path process :
          processes.filter(path -> path.getFileName().toString().matches("\\d+")).toList()) {
        if (holds(process, sockets)) {
          return new PortOwner(
              port, Long.parseLong(process.getFileName().toString()), command(process));
        }
      }
    } catch (IOException e) {
      // As good as not seen.
    }
    return new PortOwner(port, -1, "");
  }

  /// As links in /proc/PID/fd name them.
  private static Set<String> listening(int port) {
    Set<String> sockets = new HashSet<>();
    String suffix = String.format(Locale.ROOT, ":%04X", port);
    for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
      try {
        for (String line : Files.readAllLines(Path.of(table))) {
          String[] fields = line.strip().split("\\s+", -1);
          if (fields.length > 9 && fields[1].endsWith(suffix) && fields[3].equals(LISTENING)) {
            sockets.add("socket:[" + fields[9] + "]");
          }
        }
      } catch (IOException e) {
        // No IPv6.
      }
    }
    return sockets;
  }

  private static boolean holds(Path process, Set<String> sockets) {
    try (Stream<Path> descriptors = Files.list(process.resolve("fd"))) {
      for (Path descriptor : descriptors.toList()) {
        if (sockets.contains(target(descriptor))) {
          return true;
        }
      }
    } catch (IOException e) {
      // Another user's.
    }
    return false;
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return "";
    }
  }

  private static String command(Path process) {
    try {
      return new String(Files.readAllBytes(process.resolve("cmdline")), StandardCharsets.UTF_8)
          .replace('\0', ' ')
          .strip();
    } catch (IOException e) {
      return "";
    }
  }
}
