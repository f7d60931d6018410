package dev.kerneltracer.trace;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/// Inflates a gzip file of one or more members. Where the data cannot be inflated further the text
/// ends there, and the log says so: what came before is good.
final class GzipMembers extends InputStream {
  private final Member in;
  private final DamageLog damage;
  private long inflated;
  private boolean ended;

  GzipMembers(InputStream compressed, int bufferSize, DamageLog damage) throws IOException {
    this.in = new Member(compressed, bufferSize);
    this.damage = damage;
  }

  private static final class Member extends GZIPInputStream {
    Member(InputStream compressed, int bufferSize) throws IOException {
      super(compressed, bufferSize);
    }

    /// How many bytes of the current member are inflated.
    long inflated() {
      return inf.getBytesWritten();
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  /// Fills as much of the room as the input allows.
  @Override
  public int read(byte[] target, int from, int length) throws IOException {
    int filled = 0;
    while (filled < length && !ended) {
      long before = in.inflated();
      try {
        int read = in.read(target, from + filled, length - filled);
        if (read < 0) {
          ended = true;
        } else {
          filled += read;
        }
      } catch (EOFException e) {
        fault(Damage.Kind.CUT, filled);
      } catch (ZipException e) {
        // What was inflated up to the fault lies in the target though no count was returned.
        filled += Math.clamp(in.inflated() - before, 0, length - filled);
        fault(Damage.Kind.BAD_GZIP, filled);
      }
    }
    inflated += filled;
    return filled == 0 && length > 0 ? -1 : filled;
  }

  private void fault(Damage.Kind kind, int filled) {
    ended = true;
    damage.add(inflated + filled, kind);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
