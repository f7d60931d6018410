package dev.kerneltracer.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/// Follows the file that a watched program prints into. A file and no pipe, so that the program
/// lives on when we are killed.
final class ProgramOutput {
  private static final int LONGEST_LINE = 1 << 16;

  private final Path file;
  private final ByteBuffer chunk = ByteBuffer.allocate(LONGEST_LINE);
  private final StringBuilder line = new StringBuilder();
  private long position;

  ProgramOutput(Path file) {
    this.file = file;
  }

  /// The whole lines since the last call. Of a line that was written over (a progress bar) only its
  /// last state.
  ///
  /// @param all also a last line without an end
  List<String> lines(boolean all) {
    List<String> lines = new ArrayList<>();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      channel.position(position);
      chunk.clear();
      int bytes = channel.read(chunk);
      if (bytes > 0) {
        position += bytes;
        take(new String(chunk.array(), 0, bytes, StandardCharsets.UTF_8), lines);
      }
    } catch (IOException e) {
      // Removed under us: what is still printed stays unseen.
    }
    if (all && !line.isEmpty()) {
      end(lines);
    }
    return lines;
  }

  private void take(String text, List<String> lines) {
    int from = 0;
    for (int at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      line.append(text, from, at);
      end(lines);
      from = at + 1;
    }
    line.append(text, from, text.length());
    if (line.length() > LONGEST_LINE) {
      end(lines);
    }
  }

  private void end(List<String> lines) {
    String whole = line.toString().stripTrailing();
    lines.add(whole.substring(whole.lastIndexOf('\r') + 1));
    line.setLength(0);
  }
}
