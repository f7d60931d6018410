package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceReader;
import java.io.BufferedInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One trace to read.
///
/// @param name as tables and messages call it
/// @param path null for standard input
/// @param named whether the user named this very file, so that it must be a trace
record TraceInput(String name, @Nullable Path path, boolean named) {
  private static final byte[] ZSTANDARD = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD};

  static TraceInput standardInput() {
    return new TraceInput("standard input", null, true);
  }

  /// Bytes of the file; 0 where that is not known.
  long sizeBytes() {
    try {
      return path == null ? 0 : Files.size(path);
    } catch (IOException e) {
      return 0;
    }
  }

  /// @throws UserException where it cannot be read as a trace
  Trace read() {
    if (path == null) {
      return readStandardInput();
    }
    if (Files.isDirectory(path)) {
      throw unreadable("it is a directory", "Name a file in it.");
    }
    if (!Files.isRegularFile(path)) {
      return read(() -> Files.newInputStream(path));
    }
    try (InputStream in = Files.newInputStream(path)) {
      checkStart(in.readNBytes(ZSTANDARD.length));
    } catch (IOException e) {
      throw unreadable(AtomicFile.reason(e), "See kerneltracer analyze --help.");
    }
    return TraceReader.read(path);
  }

  private interface Opening {
    InputStream open() throws IOException;
  }

  /// Reads what can be opened only once: a pipe.
  private Trace read(Opening opening) {
    try (InputStream in = new BufferedInputStream(opening.open())) {
      in.mark(ZSTANDARD.length);
      checkStart(in.readNBytes(ZSTANDARD.length));
      in.reset();
      return TraceReader.read(in, name);
    } catch (IOException e) {
      throw unreadable(AtomicFile.reason(e), "See kerneltracer analyze --help.");
    }
  }

  /// Read through a channel, because only that wakes up when Ctrl-C interrupts the thread.
  private Trace readStandardInput() {
    if (Terminal.stdin().isTerminal()) {
      throw unreadable(
          "it is a terminal", "Pipe a trace into it: zstd -dc FILE | kerneltracer analyze -");
    }
    return read(() -> Channels.newInputStream(new FileInputStream(FileDescriptor.in).getChannel()));
  }

  private void checkStart(byte[] start) {
    if (start.length == 0) {
      throw unreadable("it is empty", null);
    }
    if (Arrays.equals(start, ZSTANDARD)) {
      throw unreadable(
          "it is compressed with zstd",
          "Unpack it on the way: zstd -dc "
              + (path == null ? "FILE" : name)
              + " | kerneltracer analyze -");
    }
  }

  private UserException unreadable(String why, @Nullable String hint) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE, "cannot read " + name + " as a trace: " + why, hint);
  }
}
