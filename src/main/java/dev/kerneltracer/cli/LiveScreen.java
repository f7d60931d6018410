package dev.kerneltracer.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.function.IntSupplier;

/// A block of lines at the bottom of a terminal that is written over in place, below other lines
/// that stay. A window that has changed its size has broken and moved what stood there, so that it
/// is begun anew.
final class LiveScreen {
  private final PrintStream out;
  private final IntSupplier width;
  private final IntSupplier height;
  private List<StyledLine> drawn = List.of();
  private String drawnText = "";
  private int drawnWidth;
  private int drawnHeight;

  LiveScreen(PrintStream out, IntSupplier width, IntSupplier height) {
    this.out = out;
    this.width = width;
    this.height = height;
  }

  void draw(List<StyledLine> lines) {
    StringBuilder text = new StringBuilder();
    for (StyledLine line : lines) {
      text.append(line).append("\u001b[K\n");
    }
    boolean resized = hasNewSize();
    if (drawnText.contentEquals(text) && !resized) {
      return;
    }
    out.print(up(resized) + text + "\u001b[J");
    out.flush();
    drawn = List.copyOf(lines);
    drawnText = text.toString();
    drawnWidth = width.getAsInt();
    drawnHeight = height.getAsInt();
  }

  private boolean hasNewSize() {
    return !drawn.isEmpty() && (width.getAsInt() != drawnWidth || height.getAsInt() != drawnHeight);
  }

  /// Writes lines that stay, and the block below them again.
  void say(List<String> lines) {
    List<StyledLine> block = drawn;
    clear();
    lines.forEach(out::println);
    draw(block);
  }

  void clear() {
    if (!drawn.isEmpty()) {
      out.print(up(hasNewSize()) + "\u001b[J");
      out.flush();
    }
    drawn = List.of();
    drawnText = "";
  }

  /// To where the block begins.
  private String up(boolean resized) {
    if (resized) {
      return "\u001b[2J\u001b[H";
    }
    return drawn.isEmpty() ? "" : "\u001b[" + drawn.size() + "A\r";
  }
}
