package dev.kerneltracer.trace;

import java.util.Locale;

/// The keys of an event and of its `args` that are read; all others are skipped. Old Kinetos wrote
/// some of them in another case.
enum Field {
  PHASE,
  NAME,
  CATEGORY,
  PROCESS,
  THREAD,
  START,
  DURATION,
  ARGUMENTS,
  EXTERNAL_ID,
  CORRELATION,
  DEVICE,
  STREAM,
  INPUT_DIMS,
  INPUT_TYPES,
  SEQUENCE_NUMBER,
  CALL_STACK,
  GRID,
  BLOCK,
  REGISTERS,
  SHARED_MEMORY,
  BYTES,
  PYTHON_ID,
  PYTHON_PARENT_ID,
  PYTHON_MODULE_ID,
  OTHER;

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
      case "python id" -> PYTHON_ID;
      case "python parent id" -> PYTHON_PARENT_ID;
      case "python module id" -> PYTHON_MODULE_ID;
      default -> OTHER;
    };
  }
}
