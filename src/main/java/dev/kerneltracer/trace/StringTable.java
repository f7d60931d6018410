package dev.kerneltracer.trace;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Texts interned by their UTF-8 bytes. Equal texts have equal ids, 0, 1, 2 … in the order they
/// were first seen; the [String] is made when it is first asked for. Bytes that are no UTF-8 read
/// as U+FFFD.
public final class StringTable {
  private static final int MAX_BYTES = Integer.MAX_VALUE - 64;

  private byte[] arena = new byte[1 << 14];
  private int used;
  private int[] ends = new int[256];
  private int[] hashes = new int[256];
  private @Nullable String[] texts = new String[256];
  private int[] slots = new int[1024];
  private int size;

  int intern(byte[] bytes, int from, int to) {
    int hash = ByteHash.of(bytes, from, to);
    int slot = slot(bytes, from, to, hash);
    return slots[slot] != 0 ? slots[slot] - 1 : add(bytes, from, to, hash, slot);
  }

  /// The id of a text, or -1 where it was never interned.
  int find(byte[] bytes, int from, int to) {
    return slots[slot(bytes, from, to, ByteHash.of(bytes, from, to))] - 1;
  }

  private int slot(byte[] bytes, int from, int to, int hash) {
    int mask = slots.length - 1;
    int slot = hash & mask;
    while (slots[slot] != 0) {
      int id = slots[slot] - 1;
      if (hashes[id] == hash && Arrays.equals(arena, start(id), ends[id], bytes, from, to)) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  int intern(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return intern(bytes, 0, bytes.length);
  }

  private int add(byte[] bytes, int from, int to, int hash, int slot) {
    int length = to - from;
    if (used > MAX_BYTES - length) {
      throw new IllegalStateException("more than 2 GiB of distinct texts");
    }
    if (used + length > arena.length) {
      long larger = Math.max(arena.length * 2L, used + (long) length);
      arena = Arrays.copyOf(arena, (int) Math.min(larger, MAX_BYTES));
    }
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, size * 2);
      hashes = Arrays.copyOf(hashes, size * 2);
      texts = Arrays.copyOf(texts, size * 2);
    }
    System.arraycopy(bytes, from, arena, used, length);
    used += length;
    int id = size++;
    ends[id] = used;
    hashes[id] = hash;
    slots[slot] = id + 1;
    if (size * 2 > slots.length) {
      rehash();
    }
    return id;
  }

  private void rehash() {
    slots = new int[slots.length * 2];
    int mask = slots.length - 1;
    for (int id = 0; id < size; id++) {
      int slot = hashes[id] & mask;
      while (slots[slot] != 0) {
        slot = (slot + 1) & mask;
      }
      slots[slot] = id + 1;
    }
  }

  private int start(int id) {
    return id == 0 ? 0 : ends[id - 1];
  }

  /// How many distinct texts there are.
  public int size() {
    return size;
  }

  /// The text of an id; empty for a negative one, which means absent.
  public String text(int id) {
    if (id < 0) {
      return "";
    }
    Objects.checkIndex(id, size);
    @Nullable String known = texts[id];
    if (known != null) {
      return known;
    }
    int from = start(id);
    String text = new String(arena, from, ends[id] - from, StandardCharsets.UTF_8);
    texts[id] = text;
    return text;
  }

  boolean startsWith(int id, byte[] prefix) {
    int from = start(id);
    return ends[id] - from >= prefix.length
        && Arrays.equals(arena, from, from + prefix.length, prefix, 0, prefix.length);
  }
}
