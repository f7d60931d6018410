package dev.kerneltracer.trace;

import java.util.Arrays;

/// A lookup table for one Huffman code of a deflate block (RFC 1951, 3.2): indexed by the next bits
/// of the data it gives what to do with them. Codes longer than the index go on in a table behind
/// the first.
///
/// An entry holds in its lowest five bits how many bits it takes, extra bits included; in bits 8 to
/// 11 how many of them are the code's (or, of a link, how many bits index the further table); from
/// bit 16 on the literal, the base of a length or a distance, or where the further table begins;
/// and one of the flags below.
final class HuffmanTable {
  /// The byte in bits 16 to 23 is a literal. The sign bit, so that it is the cheapest to test.
  static final int LITERAL = 1 << 31;

  /// Neither a literal nor a base: a link, the end of the block, or no code at all.
  static final int SPECIAL = 1 << 5;

  static final int LINK = 1 << 6;
  static final int END = 1 << 7;

  private static final int LONGEST = 15;

  final int[] entries;
  final int indexBits;
  private final int[] meanings;
  private final boolean oneCodeServes;
  private final int[] counts = new int[LONGEST + 1];
  private final int[] next = new int[LONGEST + 2];
  private final int[] sorted;

  /// A table for an alphabet.
  ///
  /// @param meanings per symbol the entry of a code of no bits: value, extra bits and flags
  /// @param oneCodeServes whether a single code of one bit is taken although it leaves half unused
  HuffmanTable(int indexBits, int[] meanings, boolean oneCodeServes) {
    this.oneCodeServes = oneCodeServes;
    this.indexBits = indexBits;
    this.meanings = meanings;
    this.sorted = new int[meanings.length];
    // A further table has at most 2^(15 - indexBits) entries, and there are no more tables than
    // codes.
    this.entries = new int[(1 << indexBits) + (meanings.length << (LONGEST - indexBits))];
  }

  /// The five lowest bits: how many bits of data the entry takes.
  static int bits(int entry) {
    return entry & 31;
  }

  /// How many of them are the code's.
  static int codeBits(int entry) {
    return (entry >>> 8) & 15;
  }

  /// Builds the table from the code lengths of `lengths[from, from + count)`; false where they make
  /// no code that zlib would take.
  boolean build(byte[] lengths, int from, int count) {
    Arrays.fill(counts, 0);
    for (int symbol = 0; symbol < count; symbol++) {
      counts[lengths[from + symbol]]++;
    }
    int longest = LONGEST;
    while (longest > 0 && counts[longest] == 0) {
      longest--;
    }
    Arrays.fill(entries, 0, 1 << indexBits, SPECIAL | 1);
    if (longest == 0) {
      return true;
    }
    int left = 1;
    for (int length = 1; length <= LONGEST; length++) {
      left = (left << 1) - counts[length];
      if (left < 0) {
        return false;
      }
    }
    if (left > 0 && !(oneCodeServes && longest == 1)) {
      return false;
    }
    sort(lengths, from, count);
    fill(longest);
    return true;
  }

  private void sort(byte[] lengths, int from, int count) {
    next[1] = 0;
    for (int length = 1; length <= LONGEST; length++) {
      next[length + 1] = next[length] + counts[length];
    }
    for (int symbol = 0; symbol < count; symbol++) {
      int length = lengths[from + symbol];
      if (length != 0) {
        sorted[next[length]++] = symbol;
      }
    }
  }

  /// Goes through the codes in order of length and value. `code` is kept bit-reversed, as the data
  /// have it.
  private void fill(int longest) {
    int size = 1 << indexBits;
    int tableStart = 0;
    int tableBits = indexBits;
    int tablePrefix = -1;
    int code = 0;
    int taken = 0;
    for (int length = 1; length <= longest; length++) {
      for (int i = 0; i < counts[length]; i++) {
        int meaning = meanings[sorted[taken++]];
        int start = 0;
        int step = length;
        int index = code;
        int indexed = indexBits;
        if (length > indexBits) {
          int prefix = code & ((1 << indexBits) - 1);
          if (prefix != tablePrefix) {
            tablePrefix = prefix;
            tableStart = size;
            tableBits = furtherBits(length, counts[length] - i, longest);
            size += 1 << tableBits;
            Arrays.fill(entries, tableStart, size, SPECIAL | 1);
            entries[prefix] = tableStart << 16 | tableBits << 8 | SPECIAL | LINK | indexBits;
          }
          start = tableStart;
          step = length - indexBits;
          index = code >>> indexBits;
          indexed = tableBits;
        }
        int entry = meaning + (step << 8) + step;
        for (int at = index; at < 1 << indexed; at += 1 << step) {
          entries[start + at] = entry;
        }
        code = successor(code, length);
      }
    }
  }

  /// How many bits index a further table that begins with a code of `length`: as many as it takes
  /// until the codes that are left fill it.
  private int furtherBits(int length, int leftOfLength, int longest) {
    int bits = length - indexBits;
    int used = leftOfLength;
    while (used < 1 << bits && bits + indexBits < longest) {
      bits++;
      used = (used << 1) + counts[bits + indexBits];
    }
    return bits;
  }

  /// The code after `code` of the same length, both bit-reversed: an addition that carries
  /// downwards. Lengthening a code appends zeros at its end, which reversed are the high bits:
  /// nothing to do.
  private static int successor(int code, int length) {
    int bit = 1 << (length - 1);
    int rest = code;
    while ((rest & bit) != 0) {
      rest ^= bit;
      bit >>>= 1;
    }
    return rest | bit;
  }
}
