package dev.kerneltracer.python;

import java.nio.file.Path;
import java.util.Map;

/// Where KernelTracer keeps what it can make again: `KERNELTRACER_CACHE`, else
/// `$XDG_CACHE_HOME/kerneltracer`, else `~/.cache/kerneltracer`. An empty variable counts as unset.
public record CacheDirectory(Path path) {
  public static CacheDirectory of(Map<String, String> environment) {
    String own = environment.getOrDefault("KERNELTRACER_CACHE", "");
    if (!own.isBlank()) {
      return new CacheDirectory(Path.of(own).toAbsolutePath().normalize());
    }
    String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
    // The XDG specification: a relative path is to be ignored.
    if (xdg.startsWith("/")) {
      return new CacheDirectory(Path.of(xdg, "kerneltracer"));
    }
    String home = environment.getOrDefault("HOME", "");
    if (home.isBlank()) {
      home = System.getProperty("user.home", "/");
    }
    return new CacheDirectory(Path.of(home, ".cache", "kerneltracer").toAbsolutePath());
  }

  /// The managed Python environments.
  public Path environments() {
    return path.resolve("environments");
  }
}
