package dev.kerneltracer.cli;

/// The pieces that printed reports are made of.
final class ReportText {
  private static final char UNBROKEN_SPACE = '\u00a0';

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

  /// A phrase that [#wrapped] keeps on one line: a number with its unit, a name with its share.
  static String unbroken(String phrase) {
    return phrase.replace(' ', UNBROKEN_SPACE);
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
    return out.toString().replace(UNBROKEN_SPACE, ' ');
  }
}
