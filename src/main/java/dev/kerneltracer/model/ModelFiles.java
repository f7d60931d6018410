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
  private static final List<String> WEIGHTS = List.of("model.safetensors", "pytorch_model.bin");

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

  /// The weight files that the directory should hold and lacks, looked for in Transformers' order:
  /// one safetensors file, else its shards, else one pickle, else its shards. Empty where
  /// everything is there.
  public static List<String> missingWeights(Path directory) {
    return weightFiles(directory).stream()
        .filter(file -> !Files.exists(directory.resolve(file)))
        .toList();
  }

  /// What is wrong with the weight files that are there, in the order of their names: those whose
  /// own header says that they should be of another length. Empty where nothing is.
  public static List<String> damagedWeights(Path directory) {
    List<String> damaged = new ArrayList<>();
    for (String file : weightFiles(directory)) {
      Path path = directory.resolve(file);
      if (file.endsWith(".safetensors") && Files.exists(path)) {
        try {
          String fault = SafetensorsFile.read(path).fault();
          if (fault != null) {
            damaged.add(file + " " + fault);
          }
        } catch (IOException e) {
          damaged.add(file + " cannot be read: " + AtomicFile.reason(e));
        }
      }
    }
    return damaged;
  }

  /// The weight files that Transformers would load, there or not.
  private static List<String> weightFiles(Path directory) {
    for (String single : WEIGHTS) {
      if (Files.exists(directory.resolve(single))) {
        return List.of(single);
      }
      Path index = directory.resolve(single + ".index.json");
      if (Files.exists(index)) {
        TreeSet<String> shards = new TreeSet<>();
        for (JsonNode shard : readJson(index).path("weight_map")) {
          shards.add(shard.asString(""));
        }
        return List.copyOf(shards);
      }
    }
    return List.of(WEIGHTS.getFirst());
  }

  /// The files that a run's result depends on, one line each: name, size and, since a local
  /// directory changes in place, the time of the last change. config.json is left to its content.
  ///
  /// @param weights also the weight files
  public static List<String> fingerprint(Path directory, boolean weights) {
    List<String> lines = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        boolean isWeight =
            name.endsWith(".safetensors") || name.endsWith(".bin") || name.endsWith(".pt");
        if (Files.isRegularFile(file) && !name.equals("config.json") && (weights || !isWeight)) {
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
