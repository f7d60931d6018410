package dev.kerneltracer.python;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One line that the probe or its supervisor reported: a name and its fields.
public record ProbeEvent(String name, JsonNode fields) {
  private static final JsonMapper JSON = new JsonMapper();

  /// The event that a line holds; a line that is none (a stray print) becomes an event `other`.
  static ProbeEvent parse(String line) {
    try {
      JsonNode fields = JSON.readTree(line);
      return new ProbeEvent(fields.path("event").asString("other"), fields);
    } catch (JacksonException e) {
      return new ProbeEvent("other", JSON.createObjectNode());
    }
  }

  /// The text of a field, empty where it is absent or null.
  public String text(String field) {
    return fields.path(field).asString("");
  }
}
