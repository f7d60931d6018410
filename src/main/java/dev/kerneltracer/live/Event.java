package dev.kerneltracer.live;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/// One line of an event file (docs/watch-events.md): its name, its time, and fields that may be
/// missing or null where the watched version of vLLM does not tell them.
public final class Event {
  private static final JsonFactory FACTORY = new JsonFactory();

  private final Map<String, @Nullable Object> fields;

  private Event(Map<String, @Nullable Object> fields) {
    this.fields = fields;
  }

  /// Reads a line; null where it is no event: half written, garbage, or an object of something
  /// else.
  static @Nullable Event parse(byte[] bytes, int from, int length) {
    try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), bytes, from, length)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        return null;
      }
      Event event = new Event(object(json));
      boolean whole = json.nextToken() == null && event.text("event") != null && event.has("t");
      return whole ? event : null;
    } catch (JacksonException e) {
      return null;
    }
  }

  private static Map<String, @Nullable Object> object(JsonParser json) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = json.currentName();
      fields.put(name, value(json, json.nextToken()));
    }
    return fields;
  }

  private static @Nullable Object value(JsonParser json, @Nullable JsonToken token) {
    return switch (token) {
      case START_OBJECT -> object(json);
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        for (JsonToken next = json.nextToken();
            next != JsonToken.END_ARRAY && next != null;
            next = json.nextToken()) {
          list.add(value(json, next));
        }
        yield list;
      }
      case VALUE_STRING -> json.getString();
      case VALUE_NUMBER_INT ->
          json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? (Object) json.getDoubleValue()
              : (Object) json.getLongValue();
      case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case null, default -> null;
    };
  }

  String name() {
    return text("event", "");
  }

  /// When it happened: nanoseconds of CLOCK_MONOTONIC.
  long t() {
    return number("t", 0);
  }

  boolean has(String field) {
    return fields.get(field) != null;
  }

  @Nullable String text(String field) {
    return fields.get(field) instanceof String text ? text : null;
  }

  String text(String field, String ifNone) {
    return fields.get(field) instanceof String text ? text : ifNone;
  }

  long number(String field) {
    return number(field, 0);
  }

  long number(String field, long ifNone) {
    return fields.get(field) instanceof Number number ? number.longValue() : ifNone;
  }

  double decimal(String field, double ifNone) {
    return fields.get(field) instanceof Number number ? number.doubleValue() : ifNone;
  }

  boolean flag(String field) {
    return Boolean.TRUE.equals(fields.get(field));
  }

  /// The numbers of a list; empty where there is none.
  long[] numbers(String field) {
    if (!(fields.get(field) instanceof List<?> list)) {
      return new long[0];
    }
    long[] numbers = new long[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = list.get(i) instanceof Number number ? number.longValue() : 0;
    }
    return numbers;
  }

  /// The fields of an object, as texts in their order; null ones are empty.
  Map<String, String> texts(String field) {
    Map<String, String> texts = new LinkedHashMap<>();
    if (fields.get(field) instanceof Map<?, ?> object) {
      object.forEach((name, value) -> texts.put(String.valueOf(name), cell(value)));
    }
    return texts;
  }

  /// What the objects of a list say, each in one text: `hook: reason`.
  List<String> sentences(String field) {
    List<String> sentences = new ArrayList<>();
    if (fields.get(field) instanceof List<?> list) {
      for (Object item : list) {
        sentences.add(
            item instanceof Map<?, ?> object
                ? String.join(": ", object.values().stream().map(Event::cell).toList())
                : cell(item));
      }
    }
    return sentences;
  }

  /// As Python's csv module writes a value, since that is what readers of the tables know.
  private static String cell(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case Boolean flag -> flag ? "True" : "False";
      default -> value.toString();
    };
  }
}
