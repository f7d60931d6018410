package dev.kerneltracer.cli;

/// One line of a terminal, put together from plain and coloured pieces and never wider than it may
/// be.
final class StyledLine {
  /// How a piece stands out.
  enum Style {
    PLAIN(""),
    BOLD("\u001b[1m"),
    DIM("\u001b[2m"),
    GREEN("\u001b[32m"),
    ORANGE("\u001b[38;5;208m"),
    RED("\u001b[1;31m");

    private final String begin;

    Style(String begin) {
      this.begin = begin;
    }
  }

  private static final String END = "\u001b[0m";

  private final int room;
  private final boolean colour;
  private final StringBuilder text = new StringBuilder();
  private int used;

  StyledLine(int room, boolean colour) {
    this.room = room;
    this.colour = colour;
  }

  StyledLine add(String piece) {
    return add(Style.PLAIN, piece);
  }

  StyledLine add(Style style, String piece) {
    String clean = piece.replaceAll("\\p{Cntrl}", " ");
    int length = clean.codePointCount(0, clean.length());
    int left = room - used;
    if (left <= 0) {
      return this;
    }
    if (length > left) {
      clean = clean.substring(0, clean.offsetByCodePoints(0, left - 1)) + "…";
      length = left;
    }
    boolean styled = colour && style != Style.PLAIN;
    text.append(styled ? style.begin : "").append(clean).append(styled ? END : "");
    used += length;
    return this;
  }

  /// Columns that are still free.
  int left() {
    return room - used;
  }

  int length() {
    return used;
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
