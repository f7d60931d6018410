package dev.kerneltracer.trace;

import java.util.Locale;

/// The keys of an event and of its `args` that are read; all others are skipped. Old Kinetos wrote
/// some of them in another case.
enum Field {
  PHASE(Kind.NONE),
  NAME(Kind.TEXT),
  CATEGORY(Kind.TEXT),
  PROCESS(Kind.TEXT),
  THREAD(Kind.TEXT),
  START(Kind.TIME),
  DURATION(Kind.TIME),
  ARGUMENTS(Kind.NONE),
  EXTERNAL_ID(Kind.NUMBER),
  CORRELATION(Kind.NUMBER),
  DEVICE(Kind.TEXT),
  STREAM(Kind.TEXT),
  INPUT_DIMS(Kind.TEXT),
  INPUT_TYPES(Kind.TEXT),
  SEQUENCE_NUMBER(Kind.NUMBER),
  CALL_STACK(Kind.TEXT),
  GRID(Kind.TEXT),
  BLOCK(Kind.TEXT),
  REGISTERS(Kind.NUMBER),
  SHARED_MEMORY(Kind.NUMBER),
  BYTES(Kind.NUMBER),
  FLOW_ID(Kind.NUMBER),
  FORWARD_THREAD(Kind.NUMBER),
  OCCUPANCY(Kind.NUMBER),
  COLLECTIVE(Kind.TEXT),
  IN_ELEMENTS(Kind.NUMBER),
  OUT_ELEMENTS(Kind.NUMBER),
  ELEMENT_TYPE(Kind.TEXT),
  GROUP_SIZE(Kind.NUMBER),
  GROUP_NAME(Kind.TEXT),
  GROUP_DESCRIPTION(Kind.TEXT),
  TOTAL_ALLOCATED(Kind.NUMBER),
  TOTAL_RESERVED(Kind.NUMBER),
  DEVICE_TYPE(Kind.NUMBER),
  DEVICE_ID(Kind.NUMBER),
  OTHER(Kind.NONE);

  /// How a field's value is kept.
  enum Kind {
    /// As the id of its text.
    TEXT,
    /// As an integer.
    NUMBER,
    /// In nanoseconds.
    TIME,
    /// Not at all.
    NONE
  }

  final Kind kind;

  Field(Kind kind) {
    this.kind = kind;
  }

  /// Where a parser keeps this field: the index is private to one run, never written down.
  @SuppressWarnings("EnumOrdinal")
  int slot() {
    return ordinal();
  }

  static Field ofEvent(String key) {
    return switch (key) {
      case "ph" -> PHASE;
      case "name" -> NAME;
      case "cat" -> CATEGORY;
      case "pid" -> PROCESS;
      case "tid" -> THREAD;
      case "ts" -> START;
      case "dur" -> DURATION;
      case "args" -> ARGUMENTS;
      case "id" -> FLOW_ID;
      default -> OTHER;
    };
  }

  static Field ofArgument(String key) {
    return switch (key.toLowerCase(Locale.ROOT)) {
      case "external id" -> EXTERNAL_ID;
      case "correlation" -> CORRELATION;
      case "device" -> DEVICE;
      case "stream" -> STREAM;
      case "input dims" -> INPUT_DIMS;
      case "input type" -> INPUT_TYPES;
      case "sequence number" -> SEQUENCE_NUMBER;
      case "call stack" -> CALL_STACK;
      case "grid" -> GRID;
      case "block" -> BLOCK;
      case "registers per thread" -> REGISTERS;
      case "shared memory" -> SHARED_MEMORY;
      case "bytes" -> BYTES;
      case "fwd thread id" -> FORWARD_THREAD;
      case "est. achieved occupancy %" -> OCCUPANCY;
      case "collective name" -> COLLECTIVE;
      case "in msg nelems" -> IN_ELEMENTS;
      case "out msg nelems" -> OUT_ELEMENTS;
      case "dtype" -> ELEMENT_TYPE;
      case "group size" -> GROUP_SIZE;
      case "process group name" -> GROUP_NAME;
      case "process group description" -> GROUP_DESCRIPTION;
      case "total allocated" -> TOTAL_ALLOCATED;
      case "total reserved" -> TOTAL_RESERVED;
      case "device type" -> DEVICE_TYPE;
      case "device id" -> DEVICE_ID;
      default -> OTHER;
    };
  }
}
