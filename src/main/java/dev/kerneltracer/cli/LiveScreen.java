package dev.kerneltracer.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.function.IntSupplier;

/// A block of lines at the bottom of a terminal that is written over in place, below other lines
/// that stay. It minds that a window which became narrower has broken the old lines.
final class LiveScreen {
  private final PrintStream out;
  private final IntSupplier width;
  private List<StyledLine> drawn = List.of();
  private String drawnText = "";
  private int drawnWidth;

  LiveScreen(PrintStream out, IntSupplier width) {
    this.out = out;
    this.width = width;
  }

  void draw(List<StyledLine> lines) {
    StringBuilder text = new StringBuilder();
    for (StyledLine line : lines) {
      text.append(line).append("\u001b[K\n");
    }
    int now = width.getAsInt();
    if (drawnText.contentEquals(text) && now == drawnWidth) {
      return;
    }
    out.print(up(now) + text + "\u001b[J");
    out.flush();
    drawn = List.copyOf(lines);
    drawnText = text.toString();
    drawnWidth = now;
  }

  /// Writes a line that stays, and the block below it again.
  void say(String line) {
    List<StyledLine> block = drawn;
    clear();
    out.println(line);
    draw(block);
  }

  void clear() {
    if (!drawn.isEmpty()) {
      out.print(up(width.getAsInt()) + "\u001b[J");
      out.flush();
    }
    drawn = List.of();
    drawnText = "";
  }

  /// To the first line of what stands there.
  private String up(int width) {
    int rows = 0;
    for (StyledLine line : drawn) {
      rows += Math.max(1, (line.length() + width - 1) / width);
    }
    return rows == 0 ? "" : "\u001b[" + rows + "A\r";
  }
}
