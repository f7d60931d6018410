package dev.kerneltracer.cli;

/// The pieces that printed reports are made of.
final class ReportText {
  private ReportText() {}

  /// A title after an empty line, and what is said beside it.
  static void heading(StringBuilder out, String title, String rest, boolean colour) {
    out.append('\n')
        .append(colour ? "\u001b[1m" : "")
        .append(title)
        .append(colour ? "\u001b[0m" : "")
        .append(rest.isEmpty() ? "" : ": " + rest)
        .append('\n');
  }

  /// Breaks at spaces; a word that is longer than a line (a path) stays whole.
  static String wrapped(String text, int width) {
    StringBuilder out = new StringBuilder();
    int column = 0;
    for (String word : text.split(" ", -1)) {
      int length = word.codePointCount(0, word.length());
      if (column > 0 && column + 1 + length > width) {
        out.append("\n    ");
        column = 4;
      } else if (!out.isEmpty()) {
        out.append(' ');
        column++;
      }
      out.append(word);
      column += length;
    }
    return out.toString();
  }
}
