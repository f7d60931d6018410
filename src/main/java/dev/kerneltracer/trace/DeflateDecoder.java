package dev.kerneltracer.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Inflates deflate data (RFC 1951) piece by piece. Written for traces, which deflate to a tenth or
/// less and so are mostly long matches: bits are taken 56 at a time, a table lookup decodes a code
/// with its extra bits, and matches are copied eight bytes at a time.
///
/// The output goes straight to where it is wanted. The 32 KiB before it must still hold what was
/// written there before, since matches reach back that far.
final class DeflateDecoder {
  /// How far a match reaches back.
  static final int HISTORY = 1 << 15;

  /// Bytes that must be readable behind the input and writable behind the output.
  static final int SLACK = 16;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int LONGEST_MATCH = 258;

  /// No block's header is longer than this, in bytes.
  private static final int LONGEST_HEADER = 512;

  /// No match takes more bits than this, code and extra bits of both its length and distance.
  private static final int MOST_BITS = 48;

  private static final int LENGTH_INDEX_BITS = 11;
  private static final int LENGTH_MASK = (1 << LENGTH_INDEX_BITS) - 1;
  private static final int DISTANCE_INDEX_BITS = 9;
  private static final int DISTANCE_MASK = (1 << DISTANCE_INDEX_BITS) - 1;
  private static final int[] LENGTH_MEANINGS = lengthMeanings();
  private static final int[] DISTANCE_MEANINGS = distanceMeanings();
  private static final byte[] ORDER_OF_LENGTHS = {
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
  };

  private final HuffmanTable lengths = new HuffmanTable(LENGTH_INDEX_BITS, LENGTH_MEANINGS, true);
  private final HuffmanTable distances =
      new HuffmanTable(DISTANCE_INDEX_BITS, DISTANCE_MEANINGS, true);
  private final HuffmanTable codeLengths = new HuffmanTable(7, codeLengthMeanings(), false);
  private final byte[] lengthsRead = new byte[320];

  private byte[] in = new byte[SLACK];
  private int inPosition;
  private int inLimit;
  private boolean inputEnds;

  private long bits;
  private int bitCount;

  private State state = State.HEADER;
  private boolean lastBlock;
  private int storedLeft;
  private int matchLeft;
  private int matchDistance;
  private long written;
  private boolean lacksInput;
  private int usedByLink;

  /// What comes next.
  enum State {
    HEADER,
    STORED,
    CODES,
    /// All is decoded.
    FINISHED,
    /// The data are no deflate data from here on.
    BAD,
    /// The data end too early.
    CUT
  }

  private static int[] lengthMeanings() {
    int[] meanings = new int[288];
    for (int literal = 0; literal < 256; literal++) {
      meanings[literal] = HuffmanTable.LITERAL | literal << 16;
    }
    meanings[256] = HuffmanTable.SPECIAL | HuffmanTable.END;
    int base = 3;
    for (int symbol = 257; symbol < 285; symbol++) {
      int extra = symbol < 265 ? 0 : (symbol - 261) / 4;
      meanings[symbol] = base << 16 | extra;
      base += 1 << extra;
    }
    meanings[285] = LONGEST_MATCH << 16;
    meanings[286] = HuffmanTable.SPECIAL;
    meanings[287] = HuffmanTable.SPECIAL;
    return meanings;
  }

  private static int[] distanceMeanings() {
    int[] meanings = new int[32];
    int base = 1;
    for (int symbol = 0; symbol < 30; symbol++) {
      int extra = symbol < 4 ? 0 : (symbol - 2) / 2;
      meanings[symbol] = base << 16 | extra;
      base += 1 << extra;
    }
    meanings[30] = HuffmanTable.SPECIAL;
    meanings[31] = HuffmanTable.SPECIAL;
    return meanings;
  }

  private static int[] codeLengthMeanings() {
    int[] meanings = new int[19];
    for (int symbol = 0; symbol < 19; symbol++) {
      meanings[symbol] = symbol << 16;
    }
    return meanings;
  }

  /// Begins anew, at the first block of other data.
  void reset() {
    state = State.HEADER;
    lastBlock = false;
    bits = 0;
    bitCount = 0;
    storedLeft = 0;
    matchLeft = 0;
    written = 0;
  }

  /// Sets the input: what was not consumed of the last one, and more. [#SLACK] bytes behind the
  /// limit must be readable, whatever they are.
  ///
  /// @param ends whether nothing comes after it
  void setInput(byte[] bytes, int from, int limit, boolean ends) {
    in = bytes;
    inPosition = from;
    inLimit = limit;
    inputEnds = ends;
  }

  /// Where the first byte of the input lies that is not consumed.
  int position() {
    return inPosition;
  }

  State state() {
    return state;
  }

  /// Bytes written since the last reset.
  long written() {
    return written;
  }

  /// Decodes into `out[from, to)` and gives how many bytes it wrote: fewer than asked for where
  /// more input is needed, or where [#state] says why nothing follows.
  int decode(byte[] out, int from, int to) {
    int at = from;
    lacksInput = false;
    while (at < to && !lacksInput && state != State.FINISHED && state != State.BAD) {
      switch (state) {
        case HEADER -> readHeader();
        case STORED -> at = copyStored(out, at, to);
        case CODES -> {
          at = decodeFast(out, at, to, written + (at - from));
          if (state == State.CODES) {
            at = decodeCarefully(out, at, to, written + (at - from));
          }
        }
        case CUT -> lacksInput = true;
        case FINISHED, BAD -> {}
      }
    }
    // Whole bytes go back to the input, so that it can be replaced.
    inPosition -= bitCount >>> 3;
    bitCount = state == State.FINISHED ? 0 : bitCount & 7;
    bits &= (1L << bitCount) - 1;
    written += at - from;
    return at - from;
  }

  private void readHeader() {
    if (lastBlock) {
      state = State.FINISHED;
      return;
    }
    if (!inputEnds && inLimit - inPosition < LONGEST_HEADER) {
      lacksInput = true;
      return;
    }
    int header = take(3);
    if (header < 0) {
      return;
    }
    lastBlock = (header & 1) != 0;
    switch (header >>> 1) {
      case 0 -> readStoredLength();
      case 1 -> {
        Arrays.fill(lengthsRead, 0, 144, (byte) 8);
        Arrays.fill(lengthsRead, 144, 256, (byte) 9);
        Arrays.fill(lengthsRead, 256, 280, (byte) 7);
        Arrays.fill(lengthsRead, 280, 288, (byte) 8);
        Arrays.fill(lengthsRead, 288, 320, (byte) 5);
        lengths.build(lengthsRead, 0, 288);
        distances.build(lengthsRead, 288, 32);
        state = State.CODES;
      }
      case 2 -> readCodes();
      default -> state = State.BAD;
    }
  }

  private void readStoredLength() {
    bits >>>= bitCount & 7;
    bitCount -= bitCount & 7;
    int length = take(16);
    int complement = take(16);
    if (complement < 0) {
      return;
    }
    if ((length ^ 0xFFFF) != complement) {
      state = State.BAD;
      return;
    }
    inPosition -= bitCount >>> 3;
    bits = 0;
    bitCount = 0;
    storedLeft = length;
    state = State.STORED;
  }

  private void readCodes() {
    int counts = take(14);
    if (counts < 0) {
      return;
    }
    int lengthCount = (counts & 31) + 257;
    int distanceCount = (counts >>> 5 & 31) + 1;
    int orderCount = (counts >>> 10) + 4;
    if (lengthCount > 286 || distanceCount > 30) {
      state = State.BAD;
      return;
    }
    Arrays.fill(lengthsRead, 0, ORDER_OF_LENGTHS.length, (byte) 0);
    for (int i = 0; i < orderCount; i++) {
      lengthsRead[ORDER_OF_LENGTHS[i]] = (byte) Math.max(0, take(3));
    }
    if (state == State.CUT) {
      return;
    }
    if (!codeLengths.build(lengthsRead, 0, ORDER_OF_LENGTHS.length)
        || !readLengths(lengthCount + distanceCount)
        || lengthsRead[256] == 0
        || !lengths.build(lengthsRead, 0, lengthCount)
        || !distances.build(lengthsRead, lengthCount, distanceCount)) {
      state = state == State.CUT ? State.CUT : State.BAD;
      return;
    }
    state = State.CODES;
  }

  private boolean readLengths(int count) {
    int at = 0;
    while (at < count) {
      refill();
      int entry = codeLengths.entries[(int) bits & 127];
      if ((entry & HuffmanTable.SPECIAL) != 0) {
        return false;
      }
      if (take(HuffmanTable.bits(entry)) < 0) {
        return false;
      }
      int symbol = entry >>> 16;
      if (symbol < 16) {
        lengthsRead[at++] = (byte) symbol;
        continue;
      }
      int more = symbol == 18 ? take(7) + 11 : symbol == 17 ? take(3) + 3 : take(2) + 3;
      if (state == State.CUT || at + more > count || (symbol == 16 && at == 0)) {
        return false;
      }
      byte length = symbol == 16 ? lengthsRead[at - 1] : 0;
      Arrays.fill(lengthsRead, at, at + more, length);
      at += more;
    }
    return true;
  }

  /// The next bits, at most 16; -1 where the data end before.
  private int take(int count) {
    refill();
    if (bitCount < count) {
      state = State.CUT;
      return -1;
    }
    int taken = (int) bits & ((1 << count) - 1);
    bits >>>= count;
    bitCount -= count;
    return taken;
  }

  /// Takes in whole bytes as far as there are any. Bits above [#bitCount] are zero.
  private void refill() {
    while (bitCount <= 56 && inPosition < inLimit) {
      bits |= (in[inPosition++] & 0xFFL) << bitCount;
      bitCount += 8;
    }
  }

  private int copyStored(byte[] out, int at, int to) {
    int length = Math.min(Math.min(storedLeft, to - at), inLimit - inPosition);
    System.arraycopy(in, inPosition, out, at, length);
    inPosition += length;
    storedLeft -= length;
    if (storedLeft == 0) {
      state = State.HEADER;
    } else if (length < to - at) {
      lacksInput = true;
      state = inputEnds ? State.CUT : State.STORED;
    }
    return at + length;
  }

  /// Decodes while neither the input nor the room can run out within one match.
  private int decodeFast(byte[] out, int from, int to, long before) {
    byte[] input = in;
    int position = inPosition;
    int lastPosition = inLimit - SLACK;
    int lastAt = to - LONGEST_MATCH - SLACK;
    long buffer = bits;
    int count = bitCount;
    int[] lengthEntries = lengths.entries;
    int[] distanceEntries = distances.entries;
    long earliest = from - before; // the index in `out` of the first byte of all
    int at = from;
    if (matchLeft > 0) {
      return at;
    }
    while (at <= lastAt && position <= lastPosition) {
      buffer |= (long) LONGS.get(input, position) << count;
      position += (63 - count) >>> 3;
      count |= 56;
      int entry = lengthEntries[(int) buffer & LENGTH_MASK];
      if (entry < 0) {
        buffer >>>= entry;
        count -= entry & 31;
        out[at++] = (byte) (entry >>> 16);
        entry = lengthEntries[(int) buffer & LENGTH_MASK];
        if (entry < 0) {
          buffer >>>= entry;
          count -= entry & 31;
          out[at++] = (byte) (entry >>> 16);
          continue;
        }
        buffer |= (long) LONGS.get(input, position) << count;
        position += (63 - count) >>> 3;
        count |= 56;
      }
      if ((entry & HuffmanTable.LINK) != 0) {
        buffer >>>= entry & 31;
        count -= entry & 31;
        int mask = (1 << HuffmanTable.codeBits(entry)) - 1;
        entry = lengthEntries[(entry >>> 16) + ((int) buffer & mask)];
        if (entry < 0) {
          buffer >>>= entry;
          count -= entry & 31;
          out[at++] = (byte) (entry >>> 16);
          continue;
        }
      }
      if ((entry & HuffmanTable.SPECIAL) != 0) {
        buffer >>>= entry & 31;
        count -= entry & 31;
        state = (entry & HuffmanTable.END) != 0 ? State.HEADER : State.BAD;
        break;
      }
      int length =
          (entry >>> 16)
              + (((int) buffer & ((1 << (entry & 31)) - 1)) >>> HuffmanTable.codeBits(entry));
      buffer >>>= entry;
      count -= entry & 31;
      entry = distanceEntries[(int) buffer & DISTANCE_MASK];
      if ((entry & HuffmanTable.LINK) != 0) {
        buffer >>>= entry & 31;
        count -= entry & 31;
        int mask = (1 << HuffmanTable.codeBits(entry)) - 1;
        entry = distanceEntries[(entry >>> 16) + ((int) buffer & mask)];
      }
      int distance =
          (entry >>> 16)
              + (((int) buffer & ((1 << (entry & 31)) - 1)) >>> HuffmanTable.codeBits(entry));
      if ((entry & HuffmanTable.SPECIAL) != 0 || at - distance < earliest) {
        state = State.BAD;
        break;
      }
      buffer >>>= entry;
      count -= entry & 31;
      int end = at + length;
      int source = at - distance;
      if (distance >= 8) {
        do {
          LONGS.set(out, at, (long) LONGS.get(out, source));
          at += 8;
          source += 8;
        } while (at < end);
      } else if (distance == 1) {
        long pattern = (out[source] & 0xFFL) * 0x0101010101010101L;
        do {
          LONGS.set(out, at, pattern);
          at += 8;
        } while (at < end);
      } else {
        while (at < end) {
          out[at++] = out[source++];
        }
      }
      at = end;
    }
    inPosition = position - (count >>> 3);
    bitCount = count & 7;
    bits = buffer & ((1L << bitCount) - 1);
    return at;
  }

  /// Decodes symbol by symbol at the end of the input or of the room.
  private int decodeCarefully(byte[] out, int from, int to, long before) {
    long earliest = from - before;
    int at = from;
    while (at < to) {
      if (matchLeft > 0) {
        int end = at + Math.min(matchLeft, to - at);
        matchLeft -= end - at;
        while (at < end) {
          out[at] = out[at - matchDistance];
          at++;
        }
        continue;
      }
      boolean enough = inLimit - inPosition > 2 * SLACK;
      if (enough && to - at > LONGEST_MATCH + 2 * SLACK) {
        return at;
      }
      refill();
      if (!enough && !inputEnds && bitCount < MOST_BITS) {
        lacksInput = true;
        return at;
      }
      int entry = lookUp(lengths, 0);
      int used = usedByLink + HuffmanTable.bits(entry);
      if (used > bitCount) {
        return cut(at);
      }
      if (entry < 0) {
        out[at++] = (byte) (entry >>> 16);
        consume(used);
        continue;
      }
      if ((entry & HuffmanTable.SPECIAL) != 0) {
        state = (entry & HuffmanTable.END) != 0 ? State.HEADER : State.BAD;
        consume(used);
        return at;
      }
      int length = value(entry, usedByLink);
      entry = lookUp(distances, used);
      int distance = value(entry, used + usedByLink);
      used += usedByLink + HuffmanTable.bits(entry);
      if (used > bitCount) {
        return cut(at);
      }
      if ((entry & HuffmanTable.SPECIAL) != 0 || at - distance < earliest) {
        state = State.BAD;
        return at;
      }
      consume(used);
      matchLeft = length;
      matchDistance = distance;
    }
    return at;
  }

  /// The entry of the code that stands `skip` bits ahead; [#usedByLink] of its bits led to it.
  private int lookUp(HuffmanTable table, int skip) {
    long ahead = bits >>> skip;
    int entry = table.entries[(int) ahead & ((1 << table.indexBits) - 1)];
    usedByLink = 0;
    if ((entry & HuffmanTable.LINK) != 0) {
      usedByLink = HuffmanTable.bits(entry);
      int mask = (1 << HuffmanTable.codeBits(entry)) - 1;
      entry = table.entries[(entry >>> 16) + ((int) (ahead >>> usedByLink) & mask)];
    }
    return entry;
  }

  private int value(int entry, int skip) {
    int own = (int) (bits >>> skip) & ((1 << HuffmanTable.bits(entry)) - 1);
    return (entry >>> 16) + (own >>> HuffmanTable.codeBits(entry));
  }

  private void consume(int count) {
    bits >>>= count;
    bitCount -= count;
  }

  private int cut(int at) {
    state = State.CUT;
    return at;
  }
}
