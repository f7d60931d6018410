package dev.kerneltracer.trace;

import dev.kerneltracer.trace.EventLayout.Joint;
import org.jspecify.annotations.Nullable;

/// Reads one event after another; what is not a [Field] is skipped. What was read stays until the
/// next event.
final class EventParser {
  private static final long[] ABSENT = absent();

  /// Nanoseconds to a unit of the last of so many decimals of a microsecond.
  private static final long[] THOUSANDTHS = {1000, 100, 10, 1};

  private final JsonBytes json;
  private final StringTable strings;
  private final EventLayout layout = new EventLayout();
  private final FieldTable eventFields = new FieldTable(Field::ofEvent);
  private final FieldTable argumentFields = new FieldTable(Field::ofArgument);
  private final long[] values = new long[ABSENT.length];
  private final long[] lastFirst = new long[ABSENT.length];
  private final long[] lastSecond = new long[ABSENT.length];
  private final int[] lastLength = new int[ABSENT.length];
  private final int[] lastId = new int[ABSENT.length];
  private long present;
  private int phaseFrom;
  private int phaseTo;

  EventParser(JsonBytes json, StringTable strings) {
    this.json = json;
    this.strings = strings;
  }

  private static long[] absent() {
    long[] values = new long[Field.values().length];
    for (Field field : Field.values()) {
      values[field.slot()] =
          switch (field.kind) {
            case TEXT -> -1;
            case TIME -> DecimalNumber.UNUSABLE;
            case NUMBER, NONE -> 0;
          };
    }
    return values;
  }

  /// Reads the object at which the cursor stands.
  ///
  /// @throws Stop where the window ends in it or it is no JSON
  void parse() {
    System.arraycopy(ABSENT, 0, values, 0, ABSENT.length);
    present = 0;
    object(layout.event, eventFields);
  }

  private void object(Joint start, FieldTable fields) {
    Joint joint = start;
    json.position++;
    while (true) {
      @Nullable Joint next = joint.following(json.bytes, json.position, json.limit);
      if (next != null) {
        json.position += next.length;
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

  /// Reads what lies between two values, or the end of the object, the long way.
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
      if (field == Field.ARGUMENTS && first == '{') {
        object(layout.arguments, argumentFields);
        return;
      }
      json.skipValue();
      if (field.kind != Field.Kind.TEXT || first == '{') {
        return;
      }
      json.textEscaped = false;
    } else {
      json.scalar(first);
      if (first == 'n') { // null is as good as absent
        return;
      }
    }
    keep(field);
  }

  private void keep(Field field) {
    int slot = field.slot();
    present |= 1L << slot;
    switch (field.kind) {
      case TEXT -> values[slot] = json.textEscaped ? internUnescaped() : internText(slot);
      case NUMBER ->
          values[slot] =
              json.numberExact && json.numberPlaces == 0
                  ? json.number
                  : DecimalNumber.id(json.bytes, json.textFrom, json.textTo);
      case TIME ->
          values[slot] =
              json.numberExact
                  ? json.number * THOUSANDTHS[json.numberPlaces]
                  : DecimalNumber.nanoseconds(json.bytes, json.textFrom, json.textTo);
      case NONE -> {
        if (field == Field.PHASE) {
          phaseFrom = json.textFrom;
          phaseTo = json.textTo;
        }
      }
    }
  }

  /// A short text (a category, a thread, a grid) is mostly the same as the field's last one.
  private int internText(int slot) {
    int from = json.textFrom;
    int length = json.textTo - from;
    if (length == 0 || length > 16) {
      return strings.intern(json.bytes, from, json.textTo);
    }
    long first = ByteHash.eight(json.bytes, from);
    long second = 0;
    if (length > 8) {
      second = ByteHash.eight(json.bytes, from + 8) << (64 - (length - 8) * 8);
    } else {
      first <<= 64 - length * 8;
    }
    if (first != lastFirst[slot] || second != lastSecond[slot] || length != lastLength[slot]) {
      lastFirst[slot] = first;
      lastSecond[slot] = second;
      lastLength[slot] = length;
      lastId[slot] = strings.intern(json.bytes, from, json.textTo);
    }
    return lastId[slot];
  }

  private int internUnescaped() {
    byte[] text = JsonText.unescape(json.bytes, json.textFrom, json.textTo);
    return strings.intern(text, 0, text.length);
  }

  boolean has(Field field) {
    return (present & (1L << field.slot())) != 0;
  }

  /// Whether `ph` is this one letter.
  boolean isPhase(char letter) {
    return has(Field.PHASE) && phaseTo - phaseFrom == 1 && json.bytes[phaseFrom] == letter;
  }

  /// The id of a field's text, -1 where the event has none.
  int text(Field field) {
    return (int) values[field.slot()];
  }

  /// An integer, written as a number or a string; 0 where there is none.
  long number(Field field) {
    return values[field.slot()];
  }

  int count(Field field) {
    return Math.clamp(number(field), 0, Integer.MAX_VALUE);
  }

  /// A time; [DecimalNumber#UNUSABLE] where it is missing or no finite time.
  long nanoseconds(Field field) {
    return values[field.slot()];
  }
}
