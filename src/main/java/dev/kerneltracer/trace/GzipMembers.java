package dev.kerneltracer.trace;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;

/// Inflates a gzip file (RFC 1952) of one or more members. Damaged data ends its member: the text
/// goes on with the next member that can be inflated, where there is one.
final class GzipMembers implements TextSource {
  private static final int BUFFER = 1 << 17;
  private static final int LEAST_HEADER = 10;

  /// With room for a full extra field and a long name.
  private static final int LONGEST_HEADER = 1 << 16;

  private static final int TRAILER = 8;
  private static final int PROBE = 1 << 9;

  private static final int HEADER_CRC = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;
  private static final int RESERVED_FLAGS = 0xE0;

  private final InputStream in;
  private final Faults faults = new Faults();
  private final DeflateDecoder decoder = new DeflateDecoder();
  private final DeflateDecoder probe = new DeflateDecoder();
  private final byte[] probed = new byte[PROBE];
  private final CRC32 crc = new CRC32();
  private final byte[] input = new byte[BUFFER + DeflateDecoder.SLACK];
  private int next;
  private int limit;
  private boolean inMember;
  private boolean ended;
  private boolean fileEnded;
  private long inflated;

  GzipMembers(InputStream in) {
    this.in = in;
  }

  @Override
  public int read(byte[] target, int from, int length) throws IOException {
    int filled = 0;
    while (filled < length && !ended) {
      if (!inMember && !openMember(inflated + filled)) {
        break;
      }
      filled += inflate(target, from + filled, length - filled, inflated + filled);
    }
    inflated += filled;
    return filled == 0 && length > 0 ? -1 : filled;
  }

  @Override
  public Faults faults() {
    return faults;
  }

  private int inflate(byte[] target, int from, int length, long at) throws IOException {
    decoder.setInput(input, next, limit, fileEnded);
    int count = decoder.decode(target, from, from + length);
    next = decoder.position();
    crc.update(target, from, count);
    switch (decoder.state()) {
      case FINISHED -> closeMember(at + count);
      case BAD -> {
        inMember = false;
        faults.add(at + count, Damage.Kind.BAD_GZIP);
        findMember();
      }
      case CUT -> end(at + count, Damage.Kind.CUT);
      case HEADER, STORED, CODES -> {
        if (count < length) {
          fill(limit - next + 1);
        }
      }
    }
    return count;
  }

  private void closeMember(long at) throws IOException {
    inMember = false;
    if (!fill(TRAILER)) {
      end(at, Damage.Kind.CUT);
      return;
    }
    boolean sound =
        little(next) == (int) crc.getValue() && little(next + 4) == (int) decoder.written();
    next += TRAILER;
    if (!sound) {
      faults.add(at, Damage.Kind.BAD_GZIP);
    }
  }

  /// Goes to the compressed data of the next member; false at the end of the file.
  private boolean openMember(long at) throws IOException {
    fill(LONGEST_HEADER);
    while (next < limit && input[next] == 0) {
      next++; // padding, as tape blocks have it
      fill(LONGEST_HEADER);
    }
    if (next == limit) {
      ended = true;
      return false;
    }
    int header = headerLength(next);
    if (header < 0) {
      int left = limit - next;
      boolean cut = left == 1 ? input[next] == 0x1F : isMagic(next) && left < LONGEST_HEADER;
      Damage.Kind foreign = at == 0 ? Damage.Kind.BAD_GZIP : Damage.Kind.TRAILING_BYTES;
      faults.add(at, cut ? Damage.Kind.CUT : foreign);
      findMember();
      return !ended && openMember(at);
    }
    next += header;
    decoder.reset();
    crc.reset();
    inMember = true;
    return true;
  }

  /// Looks behind `next` for a member whose data can be inflated, and stops before its header.
  private void findMember() throws IOException {
    while (true) {
      next = Math.min(next + 1, limit);
      fill(LONGEST_HEADER);
      if (next == limit) {
        ended = true;
        return;
      }
      if (isMagic(next)) {
        int header = headerLength(next);
        if (header > 0 && inflates(next + header)) {
          return;
        }
      }
    }
  }

  private boolean inflates(int from) {
    probe.reset();
    probe.setInput(input, from, limit, fileEnded);
    return probe.decode(probed, 0, PROBE) > 0;
  }

  private boolean isMagic(int at) {
    return limit - at >= 2 && input[at] == 0x1F && input[at + 1] == (byte) 0x8B;
  }

  /// The length of a member's header, -1 where there is none that ends in the buffer.
  private int headerLength(int at) {
    if (!isMagic(at) || limit - at < LEAST_HEADER || input[at + 2] != 8) {
      return -1;
    }
    int flags = input[at + 3];
    int end = at + LEAST_HEADER;
    if ((flags & RESERVED_FLAGS) != 0) {
      return -1;
    }
    if ((flags & EXTRA) != 0 && limit - end >= 2) {
      end += 2 + ((input[end] & 0xFF) | (input[end + 1] & 0xFF) << 8);
    }
    if ((flags & NAME) != 0) {
      end = behindZero(end);
    }
    if ((flags & COMMENT) != 0) {
      end = behindZero(end);
    }
    if ((flags & HEADER_CRC) != 0) {
      end += 2;
    }
    return end < limit ? end - at : -1;
  }

  private int behindZero(int at) {
    int end = at;
    while (end < limit && input[end] != 0) {
      end++;
    }
    return end + 1;
  }

  private void end(long at, Damage.Kind kind) {
    inMember = false;
    ended = true;
    faults.add(at, kind);
  }

  private int little(int at) {
    return (input[at] & 0xFF)
        | (input[at + 1] & 0xFF) << 8
        | (input[at + 2] & 0xFF) << 16
        | (input[at + 3] & 0xFF) << 24;
  }

  /// Reads until `count` bytes lie behind `next`; false where the file ends before.
  private boolean fill(int count) throws IOException {
    if (limit - next >= count) {
      return true;
    }
    if (next + count > BUFFER) {
      System.arraycopy(input, next, input, 0, limit - next);
      limit -= next;
      next = 0;
    }
    while (limit - next < count) {
      int read = in.read(input, limit, BUFFER - limit);
      if (read < 0) {
        fileEnded = true;
        return false;
      }
      limit += read;
    }
    return true;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
