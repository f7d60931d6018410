package dev.kerneltracer.trace;

import java.io.IOException;
import java.io.InputStream;

/// Text that is not compressed.
record PlainText(InputStream in, Faults faults) implements TextSource {
  PlainText(InputStream in) {
    this(in, new Faults());
  }

  @Override
  public int read(byte[] target, int from, int length) throws IOException {
    int read = in.readNBytes(target, from, length);
    return read == 0 && length > 0 ? -1 : read;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
