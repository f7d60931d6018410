package dev.kerneltracer.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A table for a terminal, never wider than it: where the cells need more room, the flexible
/// columns lose the middle of their longest cells, since both ends of a kernel's name tell.
public final class TerminalTable {
  private static final String GAP = "  ";
  private static final int LEAST_FLEXIBLE = 8;

  /// One column.
  ///
  /// @param right numbers stand to the right
  /// @param flexible may be shortened to fit
  public record Column(String header, boolean right, boolean flexible) {
    public static Column text(String header) {
      return new Column(header, false, true);
    }

    public static Column fixed(String header) {
      return new Column(header, false, false);
    }

    public static Column number(String header) {
      return new Column(header, true, false);
    }
  }

  private final List<Column> columns;
  private final List<List<String>> rows = new ArrayList<>();

  public TerminalTable(Column... columns) {
    this.columns = List.of(columns);
  }

  public void row(String... cells) {
    if (cells.length != columns.size()) {
      throw new IllegalArgumentException(cells.length + " cells for " + columns.size());
    }
    rows.add(Arrays.stream(cells).map(TerminalTable::printable).toList());
  }

  public boolean isEmpty() {
    return rows.isEmpty();
  }

  /// The header line and the rows, each ending in a line break.
  ///
  /// @param width columns of the terminal
  public String render(int width) {
    int[] widths = widths(width);
    StringBuilder out = new StringBuilder();
    line(out, columns.stream().map(Column::header).toList(), widths);
    for (List<String> row : rows) {
      line(out, row, widths);
    }
    return out.toString();
  }

  private int[] widths(int width) {
    int[] widths = new int[columns.size()];
    int total = GAP.length() * (columns.size() - 1);
    for (int c = 0; c < widths.length; c++) {
      widths[c] = columns.get(c).header().length();
      for (List<String> row : rows) {
        widths[c] = Math.max(widths[c], length(row.get(c)));
      }
      total += widths[c];
    }
    while (total > width) {
      int widest = -1;
      for (int c = 0; c < widths.length; c++) {
        if (columns.get(c).flexible()
            && widths[c] > LEAST_FLEXIBLE
            && (widest < 0 || widths[c] > widths[widest])) {
          widest = c;
        }
      }
      if (widest < 0) {
        break;
      }
      widths[widest]--;
      total--;
    }
    return widths;
  }

  private void line(StringBuilder out, List<String> cells, int[] widths) {
    int start = out.length();
    for (int c = 0; c < widths.length; c++) {
      if (c > 0) {
        out.append(GAP);
      }
      String cell = shortened(cells.get(c), widths[c]);
      int padding = widths[c] - length(cell);
      if (columns.get(c).right()) {
        out.repeat(' ', padding).append(cell);
      } else {
        out.append(cell).repeat(' ', padding);
      }
    }
    int end = out.length();
    while (end > start && out.charAt(end - 1) == ' ') {
      end--;
    }
    out.setLength(end);
    out.append('\n');
  }

  /// `text` in at most `width` columns, an ellipsis in place of its middle.
  static String shortened(String text, int width) {
    int length = length(text);
    if (length <= width) {
      return text;
    }
    int tail = width / 3;
    int head = width - 1 - tail;
    return text.substring(0, text.offsetByCodePoints(0, head))
        + "…"
        + text.substring(text.offsetByCodePoints(text.length(), -tail));
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /// Names come from foreign files: a control character in one must not reach the terminal.
  private static String printable(String text) {
    StringBuilder clean = new StringBuilder(text.length());
    text.codePoints().forEach(c -> clean.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
    return clean.toString();
  }
}
