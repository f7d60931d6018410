package dev.kerneltracer.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Texts interned by their UTF-8 bytes. Equal texts have equal ids, 0, 1, 2 … in no promised order;
/// the [String] is made when it is first asked for. Bytes that are no UTF-8 read as U+FFFD.
///
/// Threads may intern at the same time: looking up takes no lock, and adding, which is rare, does.
/// A slot is written last, so that whoever sees an id sees all that belongs to it.
public final class StringTable {
  /// What every text reads as that is new once the table is full.
  static final String OVERFLOW = "(too many distinct texts)";

  private static final VarHandle SLOTS = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int FIRST_CHUNK = 1 << 12;
  private static final int DOUBLINGS = 6;

  private final long mostBytes;
  private volatile Entries entries = new Entries(1 << 9);
  private volatile byte[][] chunks = new byte[16][];
  private int usedChunks;
  private int usedOfChunk;
  private long usedBytes;
  private volatile int size;
  private volatile long overflowed;

  /// The arrays of one capacity; a larger one replaces it as a whole.
  private static final class Entries {
    final int[] slots;
    final int[] hashes;
    final int[] chunk;
    final int[] from;
    final int[] length;
    final @Nullable String[] texts;

    Entries(int capacity) {
      slots = new int[capacity * 2];
      hashes = new int[capacity];
      chunk = new int[capacity];
      from = new int[capacity];
      length = new int[capacity];
      texts = new String[capacity];
    }

    Entries larger() {
      Entries larger = new Entries(hashes.length * 2);
      System.arraycopy(hashes, 0, larger.hashes, 0, hashes.length);
      System.arraycopy(chunk, 0, larger.chunk, 0, hashes.length);
      System.arraycopy(from, 0, larger.from, 0, hashes.length);
      System.arraycopy(length, 0, larger.length, 0, hashes.length);
      System.arraycopy(texts, 0, larger.texts, 0, hashes.length);
      int mask = larger.slots.length - 1;
      for (int id = 0; id < hashes.length; id++) {
        int slot = hashes[id] & mask;
        while (larger.slots[slot] != 0) {
          slot = (slot + 1) & mask;
        }
        larger.slots[slot] = id + 1;
      }
      return larger;
    }
  }

  StringTable() {
    this(Long.MAX_VALUE);
  }

  /// A table that takes in at most `mostBytes` of texts, their bookkeeping included.
  StringTable(long mostBytes) {
    this.mostBytes = mostBytes;
  }

  int intern(byte[] bytes, int from, int to) {
    int hash = ByteHash.of(bytes, from, to);
    int known = find(bytes, from, to, hash);
    return known >= 0 ? known : add(bytes, from, to, hash);
  }

  int intern(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return intern(bytes, 0, bytes.length);
  }

  /// The id of a text, or -1 where it was never interned.
  int find(byte[] bytes, int from, int to) {
    return find(bytes, from, to, ByteHash.of(bytes, from, to));
  }

  private int find(byte[] bytes, int from, int to, int hash) {
    Entries in = entries;
    int mask = in.slots.length - 1;
    int slot = hash & mask;
    while (true) {
      int id = (int) SLOTS.getAcquire(in.slots, slot) - 1;
      if (id < 0) {
        return -1;
      }
      if (in.hashes[id] == hash && in.length[id] == to - from) {
        int start = in.from[id];
        byte[] chunk = chunks[in.chunk[id]];
        if (Arrays.equals(chunk, start, start + (to - from), bytes, from, to)) {
          return id;
        }
      }
      slot = (slot + 1) & mask;
    }
  }

  private synchronized int add(byte[] bytes, int from, int to, int hash) {
    int known = find(bytes, from, to, hash);
    if (known >= 0) {
      return known;
    }
    int length = to - from;
    if (usedBytes + length > mostBytes && size > 0) {
      overflowed++;
      return overflow();
    }
    return append(bytes, from, length, hash);
  }

  private int overflow() {
    byte[] text = OVERFLOW.getBytes(StandardCharsets.UTF_8);
    int hash = ByteHash.of(text, 0, text.length);
    int known = find(text, 0, text.length, hash);
    return known >= 0 ? known : append(text, 0, text.length, hash);
  }

  private int append(byte[] bytes, int from, int length, int hash) {
    if (size == entries.hashes.length) {
      entries = entries.larger();
    }
    if (usedChunks == 0 || usedOfChunk + length > chunks[usedChunks - 1].length) {
      if (usedChunks == chunks.length) {
        chunks = Arrays.copyOf(chunks, usedChunks * 2);
      }
      int room = FIRST_CHUNK << Math.min(usedChunks, DOUBLINGS);
      chunks[usedChunks++] = new byte[Math.max(room, length)];
      usedOfChunk = 0;
    }
    Entries in = entries;
    int id = size;
    System.arraycopy(bytes, from, chunks[usedChunks - 1], usedOfChunk, length);
    in.hashes[id] = hash;
    in.chunk[id] = usedChunks - 1;
    in.from[id] = usedOfChunk;
    in.length[id] = length;
    usedOfChunk += length;
    usedBytes += length + BOOKKEEPING;
    size = id + 1;
    int mask = in.slots.length - 1;
    int slot = hash & mask;
    while (in.slots[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    SLOTS.setRelease(in.slots, slot, id + 1);
    return id;
  }

  /// Bytes that a text takes beside itself: its entry, while the table grows two, its [String], and
  /// what tables of results keep per name.
  private static final int BOOKKEEPING = 256;

  /// How many distinct texts there are.
  public int size() {
    return size;
  }

  /// How many times a text was not taken in because the table was full.
  long overflowed() {
    return overflowed;
  }

  /// The text of an id; empty for a negative one, which means absent.
  public String text(int id) {
    if (id < 0) {
      return "";
    }
    Objects.checkIndex(id, size);
    Entries in = entries;
    @Nullable String known = in.texts[id];
    if (known != null) {
      return known;
    }
    String text =
        new String(chunks[in.chunk[id]], in.from[id], in.length[id], StandardCharsets.UTF_8);
    in.texts[id] = text;
    return text;
  }

  boolean startsWith(int id, byte[] prefix) {
    Entries in = entries;
    int from = in.from[id];
    return in.length[id] >= prefix.length
        && Arrays.equals(
            chunks[in.chunk[id]], from, from + prefix.length, prefix, 0, prefix.length);
  }
}
