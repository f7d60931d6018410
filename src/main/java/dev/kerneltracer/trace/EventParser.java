package dev.kerneltracer.trace;

import dev.kerneltracer.trace.EventLayout.Joint;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Reads one event of a window into spans of bytes, which stay valid until the window moves. What
/// is not a [Field] is skipped.
final class EventParser {
  private static final int FIELDS = Field.values().length;

  private final JsonBytes json;
  private final EventLayout layout = new EventLayout();
  private final FieldTable eventFields = new FieldTable(Field::ofEvent);
  private final FieldTable argumentFields = new FieldTable(Field::ofArgument);
  private final int[] from = new int[FIELDS];
  private final int[] to = new int[FIELDS];
  private final boolean[] escaped = new boolean[FIELDS];

  EventParser(JsonBytes json) {
    this.json = json;
  }

  /// Reads the object at which the cursor stands.
  ///
  /// @throws Stop where the window ends in it or it is no JSON
  void parse() {
    Arrays.fill(from, -1);
    object(layout.event, eventFields);
  }

  private void object(Joint start, FieldTable fields) {
    Joint joint = start;
    json.position++;
    while (true) {
      int at = json.position;
      @Nullable Joint next = joint.following(json.bytes, at, json.limit);
      if (next != null) {
        json.position = at + next.length;
      } else {
        next = readJoint(joint, start, fields);
      }
      @Nullable Field field = next.field;
      if (field == null) {
        return;
      }
      value(field);
      joint = next;
    }
  }

  /// Reads what lies between two values, and the end of the object, the long way.
  private Joint readJoint(Joint before, Joint start, FieldTable fields) {
    int at = json.position;
    byte next = json.peek();
    if (next == '}') {
      json.position++;
      return layout.learn(before, json.bytes, at, json.position, null);
    }
    if (before != start) {
      if (next != ',') {
        throw Stop.BAD_SYNTAX;
      }
      json.position++;
    }
    json.key();
    Field field = fields.find(json.bytes, json.textFrom, json.textTo);
    json.peek();
    return json.hasOddities()
        ? new Joint(new byte[0], field)
        : layout.learn(before, json.bytes, at, json.position, field);
  }

  private void value(Field field) {
    byte first = json.peek();
    if (first == '{' || first == '[') {
      switch (field) {
        case ARGUMENTS -> {
          if (first == '{') {
            object(layout.arguments, argumentFields);
          } else {
            json.skipValue();
          }
        }
        case INPUT_DIMS, INPUT_TYPES, GRID, BLOCK -> {
          json.skipValue();
          json.textEscaped = false;
          keep(field);
        }
        default -> json.skipValue();
      }
      return;
    }
    json.scalar(first);
    if (field != Field.OTHER && first != 'n') {
      keep(field);
    }
  }

  private void keep(Field field) {
    int index = field.slot();
    from[index] = json.textFrom;
    to[index] = json.textTo;
    escaped[index] = json.textEscaped;
  }

  boolean has(Field field) {
    return from[field.slot()] >= 0;
  }

  /// Whether the field is exactly this ASCII text.
  boolean is(Field field, String text) {
    int index = field.slot();
    return from[index] >= 0 && json.equals(from[index], to[index], text);
  }

  /// The id of the field's text, -1 where the event has none.
  int intern(Field field, StringTable strings) {
    int index = field.slot();
    if (from[index] < 0) {
      return -1;
    }
    if (escaped[index]) {
      byte[] text = JsonText.unescape(json.bytes, from[index], to[index]);
      return strings.intern(text, 0, text.length);
    }
    return strings.intern(json.bytes, from[index], to[index]);
  }

  /// An integer, written as a number or a string; 0 where there is none.
  long id(Field field) {
    int index = field.slot();
    return from[index] < 0 ? 0 : DecimalNumber.id(json.bytes, from[index], to[index]);
  }

  int count(Field field) {
    return Math.clamp(id(field), 0, Integer.MAX_VALUE);
  }

  /// A time; [DecimalNumber#UNUSABLE] where it is missing or no finite time.
  long nanoseconds(Field field) {
    int index = field.slot();
    return from[index] < 0
        ? DecimalNumber.UNUSABLE
        : DecimalNumber.nanoseconds(json.bytes, from[index], to[index]);
  }
}
