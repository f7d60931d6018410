package dev.kerneltracer.trace;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Function;

/// Finds the [Field] of a key's bytes. Keys not seen before are resolved once; a file with absurdly
/// many distinct keys costs time, not memory.
final class FieldTable {
  private static final int MOST_KEYS = 4096;
  private static final int LONGEST_KEY = 64;

  private final StringTable keys = new StringTable();
  private final Function<String, Field> resolve;
  private Field[] fields = new Field[64];

  FieldTable(Function<String, Field> resolve) {
    this.resolve = resolve;
  }

  Field find(byte[] bytes, int from, int to) {
    int known = keys.find(bytes, from, to);
    if (known >= 0) {
      return fields[known];
    }
    if (to - from > LONGEST_KEY) {
      return Field.OTHER;
    }
    if (keys.size() == MOST_KEYS) {
      return resolve.apply(new String(bytes, from, to - from, StandardCharsets.UTF_8));
    }
    int id = keys.intern(bytes, from, to);
    if (id == fields.length) {
      fields = Arrays.copyOf(fields, id * 2);
    }
    fields[id] = resolve.apply(keys.text(id));
    return fields[id];
  }
}
