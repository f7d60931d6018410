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
  FLOW_ID,
  FORWARD_THREAD,
  OCCUPANCY,
  COLLECTIVE,
  IN_ELEMENTS,
  OUT_ELEMENTS,
  ELEMENT_TYPE,
  GROUP_SIZE,
  GROUP_NAME,
  GROUP_DESCRIPTION,
  TOTAL_ALLOCATED,
  TOTAL_RESERVED,
  DEVICE_TYPE,
  DEVICE_ID,
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
      case "python id" -> PYTHON_ID;
      case "python parent id" -> PYTHON_PARENT_ID;
      case "python module id" -> PYTHON_MODULE_ID;
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
