package dev.kerneltracer.sweep;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// How a size ended, as `size.json` in its folder tells it; the probe writes that last.
///
/// @param series what the sizes of one table have in common
/// @param wanted steps that were to be profiled
/// @param steps that were
/// @param exact steps of exactly this batch, profiled or not
/// @param inexact steps with another number of sequences, thrown away
/// @param letGo how often a batch could not be together and was let go
public record SizeRecord(
    String identity,
    String series,
    int batch,
    int inputTokens,
    int wanted,
    int steps,
    int exact,
    int inexact,
    int letGo,
    double seconds) {
  private static final String FILE = "size.json";
  private static final JsonMapper JSON = new JsonMapper();

  /// Null where the size did not end.
  static @Nullable SizeRecord read(Path folder) {
    try {
      JsonNode json = JSON.readTree(Files.readString(folder.resolve(FILE)));
      return new SizeRecord(
          json.path("identity").asString(""),
          json.path("series").asString(""),
          json.path("batch").asInt(0),
          json.path("input").asInt(0),
          json.path("wanted").asInt(0),
          json.path("steps").asInt(0),
          json.path("exact").asInt(0),
          json.path("inexact").asInt(0),
          json.path("let_go").asInt(0),
          json.path("seconds").asDouble(0));
    } catch (IOException | JacksonException e) {
      return null;
    }
  }

  /// Whether every step that was wanted is there.
  public boolean isComplete() {
    return wanted > 0 && steps >= wanted;
  }

  /// Removes what an earlier run left in a size's folder, its record first, and nothing else.
  static void clear(Path folder) {
    try {
      Files.deleteIfExists(folder.resolve(FILE));
      if (!Files.isDirectory(folder)) {
        return;
      }
      List<Path> old;
      try (Stream<Path> files = Files.walk(folder)) {
        old = files.filter(SizeRecord::isOurs).sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : old) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw AtomicFile.failure(folder, e);
    }
  }

  private static boolean isOurs(Path file) {
    String name = file.getFileName().toString();
    return name.matches(
        "trace_\\d+(\\.partial)?\\.json\\.gz|trace_\\d+.*\\.json|torch_table\\.txt|size\\.json\\.partial");
  }
}
