package dev.kerneltracer.python;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The directories of `PATH`, each once, without those that do not exist.
record ExecutablePath(List<Path> directories) {
  static ExecutablePath of(Map<String, String> environment) {
    Set<Path> directories = new LinkedHashSet<>();
    Set<Path> real = new LinkedHashSet<>();
    for (String entry : environment.getOrDefault("PATH", "").split(":", -1)) {
      Path directory = Path.of(entry);
      if (directory.isAbsolute() && Files.isDirectory(directory) && real.add(real(directory))) {
        directories.add(directory);
      }
    }
    return new ExecutablePath(List.copyOf(directories));
  }

  /// Every program of these names, directory by directory.
  List<Path> all(String... names) {
    List<Path> found = new ArrayList<>();
    for (Path directory : directories) {
      Set<Path> targets = new LinkedHashSet<>();
      for (String name : names) {
        Path file = directory.resolve(name);
        // python3 and python of one directory are mostly one program.
        if (Files.isRegularFile(file) && Files.isExecutable(file) && targets.add(real(file))) {
          found.add(file);
        }
      }
    }
    return found;
  }

  static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      return file.toAbsolutePath().normalize();
    }
  }
}
