package dev.kerneltracer.trace;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;

/// Where the inflated text of a trace comes from.
interface TextSource extends Closeable {
  /// Fills as much of the room as the text allows; -1 at its end. The 32 KiB before the room must
  /// hold the text before, as far as there is any.
  int read(byte[] target, int from, int length) throws IOException;

  /// Faults of what holds the text, not of the text itself; whoever reads it empties it.
  Faults faults();

  /// The text of a file or pipe, inflated where it begins as gzip data do.
  static TextSource of(InputStream raw) throws IOException {
    InputStream in = raw.markSupported() ? raw : new BufferedInputStream(raw, 1 << 16);
    in.mark(2);
    boolean gzip = in.read() == 0x1F && in.read() == 0x8B;
    in.reset();
    return gzip ? new GzipMembers(in) : new PlainText(in);
  }
}
