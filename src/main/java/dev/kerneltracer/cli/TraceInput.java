package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// One trace to read.
///
/// @param name as tables and messages call it
/// @param path null for standard input
/// @param named whether the user named this very file, so that it must be a trace
record TraceInput(String name, @Nullable Path path, boolean named) {
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
    return TraceReader.read(path);
  }

  /// Read through a channel, because only that wakes up when Ctrl-C interrupts the thread.
  private Trace readStandardInput() {
    if (Terminal.stdin().isTerminal()) {
      throw unreadable(
          "it is a terminal", "Pipe a trace into it: zstd -dc FILE | kerneltracer analyze -");
    }
    FileInputStream in = new FileInputStream(FileDescriptor.in);
    return TraceReader.read(Channels.newInputStream(in.getChannel()), name);
  }

  private UserException unreadable(String why, @Nullable String hint) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE, "cannot read " + name + " as a trace: " + why, hint);
  }
}
