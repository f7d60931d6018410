package dev.kerneltracer.model;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The files of a model's directory, as far as they must be right before anything is started.
public final class ModelFiles {
  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> INDEXES =
      List.of("model.safetensors.index.json", "pytorch_model.bin.index.json");

  private ModelFiles() {}

  /// Reads config.json.
  ///
  /// @throws UserException where it is missing or no JSON object
  public static JsonNode configuration(Path directory) {
    Path file = directory.resolve("config.json");
    if (!Files.exists(file)) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          directory + " has no config.json",
          "A model's directory holds a config.json, as save_pretrained() writes it.");
    }
    JsonNode node = readJson(file);
    if (!node.isObject()) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          file + " is not a JSON object",
          "It should hold the configuration that save_pretrained() writes.");
    }
    return node;
  }

  /// The weight files that the index names and the directory lacks; `[weights]` where there are
  /// none at all; empty where everything is there.
  public static List<String> missingWeights(Path directory) {
    for (String index : INDEXES) {
      Path file = directory.resolve(index);
      if (Files.exists(file)) {
        TreeSet<String> shards = new TreeSet<>();
        for (JsonNode shard : readJson(file).path("weight_map")) {
          shards.add(shard.asString(""));
        }
        return shards.stream().filter(shard -> !Files.exists(directory.resolve(shard))).toList();
      }
    }
    return weightFiles(directory).isEmpty() ? List.of("model.safetensors") : List.of();
  }

  /// Everything in the directory that a run's result depends on, one line each: name, size and,
  /// since a local directory changes in place, the time of the last change.
  public static List<String> weightFiles(Path directory) {
    List<String> lines = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.endsWith(".safetensors") || name.endsWith(".bin") || name.endsWith(".pt")) {
          lines.add(name + " " + Files.size(file) + " " + Files.getLastModifiedTime(file));
        }
      }
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "cannot read " + directory + ": " + AtomicFile.reason(e),
          null,
          e);
    }
    return lines;
  }

  private static JsonNode readJson(Path file) {
    try {
      return JSON.readTree(Files.readString(file));
    } catch (JacksonException e) {
      TokenStreamLocation place = e.getLocation();
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          file
              + " is not valid JSON"
              + (place == null
                  ? ""
                  : " (line " + place.getLineNr() + ", column " + place.getColumnNr() + ")")
              + ": "
              + e.getOriginalMessage(),
          "Mend it, or fetch the model again.",
          e);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE, "cannot read " + file + ": " + AtomicFile.reason(e), null, e);
    }
  }
}
