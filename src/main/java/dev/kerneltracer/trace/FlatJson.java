package dev.kerneltracer.trace;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads one object, or an array of objects, whose values are scalars: strings without their
/// quotes, numbers as written, anything nested as its JSON text.
final class FlatJson {
  private FlatJson() {}

  /// The objects; none where the text is absent or something else.
  static List<Map<String, String>> objects(@Nullable String text) {
    List<Map<String, String>> objects = new ArrayList<>();
    if (text == null) {
      return objects;
    }
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    // A final space lets a last scalar end within the window.
    byte[] bytes = Arrays.copyOf(utf8, utf8.length + 1 + JsonBytes.PADDING);
    bytes[utf8.length] = ' ';
    JsonBytes json = new JsonBytes(bytes, utf8.length + 1);
    try {
      if (json.peek() == '{') {
        objects.add(object(json));
      } else {
        json.expect('[');
        while (json.peek() == '{') {
          objects.add(object(json));
          if (json.peek() == ',') {
            json.position++;
          }
        }
      }
    } catch (Stop stop) {
      return objects;
    }
    return objects;
  }

  private static Map<String, String> object(JsonBytes json) {
    Map<String, String> values = new LinkedHashMap<>();
    json.position++;
    while (json.peek() != '}') {
      json.key();
      String key = text(json);
      byte first = json.peek();
      if (first == '{' || first == '[') {
        json.skipValue();
      } else {
        json.scalar(first);
      }
      values.put(key, text(json));
      if (json.peek() == ',') {
        json.position++;
      }
    }
    json.position++;
    return values;
  }

  private static String text(JsonBytes json) {
    byte[] bytes =
        json.textEscaped
            ? JsonText.unescape(json.bytes, json.textFrom, json.textTo)
            : Arrays.copyOfRange(json.bytes, json.textFrom, json.textTo);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
