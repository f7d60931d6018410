package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.InferencePath;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads the `path.json` that the probe wrote.
public final class PathFile {
  public static final String NAME = "path.json";

  private final Map<String, String> texts = new HashMap<>();
  private final List<InferencePath.Part> parts = new ArrayList<>();
  private final List<InferencePath.Step> steps = new ArrayList<>();
  private final List<InferencePath.Call> calls = new ArrayList<>();

  private PathFile() {}

  /// The content of a `path.json`.
  ///
  /// @throws UserException where it is missing or damaged
  public static InferencePath read(Path file) {
    PathFile read = new PathFile();
    try (InputStream in = Files.newInputStream(file);
        JsonParser json = new JsonMapper().createParser(in)) {
      read.read(json);
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e));
    } catch (JacksonException e) {
      throw unreadable(file, e.getOriginalMessage());
    }
    if (read.steps.isEmpty() && read.calls.isEmpty() && read.parts.isEmpty()) {
      throw unreadable(file, "it is no inference path");
    }
    return new InferencePath(read.parts, read.steps, read.calls);
  }

  /// One item after another, since there may be many.
  private void read(JsonParser json) {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      return;
    }
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = json.currentName();
      if (json.nextToken() != JsonToken.START_ARRAY) {
        json.skipChildren();
        continue;
      }
      while (json.nextToken() != JsonToken.END_ARRAY) {
        JsonNode item = json.readValueAsTree();
        switch (name) {
          case "modules" -> parts.add(part(item));
          case "steps" ->
              steps.add(new InferencePath.Step(text(item, "name"), text(item, "phase")));
          case "calls" -> calls.add(call(item));
          default -> {
            // Stacks are for who reads the file.
          }
        }
      }
    }
  }

  private InferencePath.Part part(JsonNode item) {
    return new InferencePath.Part(
        text(item, "module"),
        text(item, "class"),
        item.path("parameters").asLong(0),
        text(item, "kind"));
  }

  private InferencePath.Call call(JsonNode item) {
    @Nullable String raised = item.has("raised") ? text(item, "raised") : null;
    return new InferencePath.Call(
        item.path("step").asInt(-1),
        text(item, "module"),
        text(item, "class"),
        texts(item.path("inputs")),
        texts(item.path("outputs")),
        text(item, "dtype"),
        item.path("parameters").asLong(0),
        item.path("parent").asInt(-1),
        raised);
  }

  private List<String> texts(JsonNode array) {
    List<String> found = new ArrayList<>(array.size());
    for (JsonNode item : array) {
      found.add(same(item.asString("")));
    }
    return found;
  }

  private String text(JsonNode item, String name) {
    JsonNode value = item.path(name);
    return value.isString() ? same(value.asString()) : "";
  }

  /// Most texts stand in many calls.
  private String same(String text) {
    return texts.computeIfAbsent(text, known -> known);
  }

  private static UserException unreadable(Path file, String reason) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "cannot read " + file + ": " + reason,
        "Run again with --force.");
  }
}
