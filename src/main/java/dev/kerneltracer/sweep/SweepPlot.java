package dev.kerneltracer.sweep;

import dev.kerneltracer.report.Amount;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// The time of a step over the batch size, by operator: stacked bars for a terminal, stacked areas
/// as SVG.
public final class SweepPlot {
  private static final String FILLS = "█▓▒░▚▞#*+=o-:.";
  private static final int[] TERMINAL_COLOURS = {33, 208, 70, 160, 98, 137, 175, 37, 178, 244};
  private static final String[] COLOURS = {
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf",
    "#bcbd22", "#7f7f7f", "#4e79a7", "#f28e2b", "#59a14f", "#bab0ac"
  };
  private static final int MOST_BARS = 20;
  private static final int WIDEST_BAR = 100;
  private static final int NARROWEST_BAR = 10;

  private static final int WIDTH = 860;
  private static final int HEIGHT = 460;
  private static final int LEFT = 80;
  private static final int RIGHT = 190;
  private static final int TOP = 50;
  private static final int BOTTOM = 60;
  private static final int GRID_LINES = 5;
  private static final int LABEL_ROOM = 34;

  private final String title;
  private final List<Integer> batches;
  private final SequencedMap<String, long[]> timesNs;

  /// Makes a plot.
  ///
  /// @param batches in order, at least one
  /// @param timesNs by operator, in the order in which they are stacked: a time for each batch
  public SweepPlot(String title, List<Integer> batches, SequencedMap<String, long[]> timesNs) {
    if (batches.isEmpty()) {
      throw new IllegalArgumentException("nothing to plot");
    }
    this.title = title;
    this.batches = List.copyOf(batches);
    this.timesNs = new LinkedHashMap<>();
    timesNs.forEach((name, times) -> {
      if (times.length != batches.size()) {
        throw new IllegalArgumentException(name + ": " + times.length + " times");
      }
      for (long time : times) {
        if (time > 0) {
          this.timesNs.putIfAbsent(name, times.clone());
        }
      }
    });
  }

  private long totalNs(int index) {
    return timesNs.values().stream().mapToLong(times -> times[index]).sum();
  }

  private long mostNs() {
    long most = 1;
    for (int i = 0; i < batches.size(); i++) {
      most = Math.max(most, totalNs(i));
    }
    return most;
  }

  /// Bars with a legend, at most twenty of them, the first and the last size always among them.
  ///
  /// @param width columns of the terminal
  public String text(int width, boolean colour) {
    StringBuilder out = new StringBuilder(title).append('\n');
    int label = String.valueOf(batches.getLast()).length();
    int room =
        Math.clamp(
            (long) width - label - "  ".length() - " 999 µs".length() - 1,
            NARROWEST_BAR,
            WIDEST_BAR);
    for (int i : shown()) {
      String batch = String.valueOf(batches.get(i));
      out.repeat(' ', label - batch.length()).append(batch).append("  ");
      bar(out, i, room, colour);
      out.append(' ').append(Amount.time(totalNs(i))).append('\n');
    }
    legend(out, width, colour);
    return out.toString();
  }

  private List<Integer> shown() {
    List<Integer> shown = new ArrayList<>();
    int bars = Math.min(MOST_BARS, batches.size());
    for (int bar = 0; bar < bars; bar++) {
      shown.add(bars == 1 ? 0 : (int) ((long) bar * (batches.size() - 1) / (bars - 1)));
    }
    return shown;
  }

  /// Each part ends where the sum up to it does, so that the parts add up to the whole.
  private void bar(StringBuilder out, int index, int room, boolean colour) {
    double scale = (double) room / mostNs();
    long sum = 0;
    int drawn = 0;
    int part = 0;
    for (long[] times : timesNs.values()) {
      sum += times[index];
      int end = (int) Math.round(sum * scale);
      fill(out, part++, end - drawn, colour);
      drawn = end;
    }
  }

  private static void fill(StringBuilder out, int part, int length, boolean colour) {
    if (length <= 0) {
      return;
    }
    if (colour) {
      out.append("\u001b[38;5;")
          .append(TERMINAL_COLOURS[part % TERMINAL_COLOURS.length])
          .append('m');
    }
    out.repeat(FILLS.charAt(part % FILLS.length()), length);
    if (colour) {
      out.append("\u001b[0m");
    }
  }

  private void legend(StringBuilder out, int width, boolean colour) {
    int column = 0;
    int part = 0;
    for (String name : timesNs.keySet()) {
      int length = name.length() + "█ ".length();
      if (column > 0 && column + "  ".length() + length > width) {
        out.append('\n');
        column = 0;
      } else if (column > 0) {
        out.append("  ");
        column += "  ".length();
      }
      fill(out, part++, 1, colour);
      out.append(' ').append(name);
      column += length;
    }
    out.append('\n');
  }

  /// Stacked areas over the batch size, which doubles by equal steps; a picture that stands alone.
  public String svg() {
    StringBuilder out = new StringBuilder();
    out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ")
        .append(WIDTH)
        .append(' ')
        .append(HEIGHT)
        .append("\" font-family=\"sans-serif\" font-size=\"12\">\n")
        .append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    text(out, LEFT, 28, "start", "font-size=\"16\"", title);
    grid(out);
    double[] below = new double[batches.size()];
    int part = 0;
    for (Map.Entry<String, long[]> entry : timesNs.entrySet()) {
      String colour = COLOURS[part % COLOURS.length];
      area(out, entry.getKey(), below, entry.getValue(), colour);
      int y = TOP + 12 + part * 20;
      out.append("<rect x=\"")
          .append(WIDTH - RIGHT + 20)
          .append("\" y=\"")
          .append(y - 10)
          .append("\" width=\"12\" height=\"12\" fill=\"")
          .append(colour)
          .append("\"/>\n");
      text(out, WIDTH - RIGHT + 38, y, "start", "", entry.getKey());
      part++;
    }
    axes(out);
    return out.append("</svg>\n").toString();
  }

  private void grid(StringBuilder out) {
    double step = roundStep(mostNs() / (double) GRID_LINES);
    for (double time = 0; time <= mostNs() * 1.0001; time += step) {
      String y = Amount.decimal(y(time), 1);
      out.append("<path d=\"M").append(LEFT).append(' ').append(y).append('H');
      out.append(WIDTH - RIGHT).append("\" stroke=\"#ddd\"/>\n");
      text(out, LEFT - 8, y(time) + 4, "end", "", Amount.time(Math.round(time)));
    }
  }

  /// 1, 2 or 5 times a power of ten, not below `size`.
  private static double roundStep(double size) {
    double unit = Math.pow(10, Math.floor(Math.log10(size)));
    for (int factor : new int[] {1, 2, 5}) {
      if (factor * unit >= size) {
        return factor * unit;
      }
    }
    return 10 * unit;
  }

  private void area(StringBuilder out, String name, double[] below, long[] times, String colour) {
    StringBuilder upper = new StringBuilder();
    StringBuilder lower = new StringBuilder();
    int size = batches.size();
    for (int i = 0; i < size; i++) {
      point(upper, i == 0 ? 'M' : 'L', x(i), y(below[i] + times[i]));
      int back = size - 1 - i;
      point(lower, 'L', x(back), y(below[back]));
    }
    if (size == 1) {
      // One size has no area: a bar in its place.
      upper.setLength(0);
      lower.setLength(0);
      point(upper, 'M', x(0) - 20, y(below[0] + times[0]));
      point(upper, 'L', x(0) + 20, y(below[0] + times[0]));
      point(lower, 'L', x(0) + 20, y(below[0]));
      point(lower, 'L', x(0) - 20, y(below[0]));
    }
    out.append("<path d=\"").append(upper).append(lower).append("Z\" fill=\"").append(colour);
    out.append("\" fill-opacity=\"0.85\"><title>")
        .append(escaped(name))
        .append("</title></path>\n");
    for (int i = 0; i < size; i++) {
      below[i] += times[i];
    }
  }

  private void axes(StringBuilder out) {
    int bottom = HEIGHT - BOTTOM;
    out.append("<path d=\"M").append(LEFT).append(' ').append(TOP).append('V').append(bottom);
    out.append('H').append(WIDTH - RIGHT).append("\" fill=\"none\" stroke=\"black\"/>\n");
    double free = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < batches.size(); i++) {
      boolean last = i == batches.size() - 1;
      boolean hidesLast = !last && x(batches.size() - 1) - x(i) < LABEL_ROOM;
      if (x(i) < free || hidesLast) {
        continue;
      }
      free = x(i) + LABEL_ROOM;
      out.append("<path d=\"M").append(Amount.decimal(x(i), 1)).append(' ').append(bottom);
      out.append("v5\" stroke=\"black\"/>\n");
      text(out, x(i), bottom + 20, "middle", "", String.valueOf(batches.get(i)));
    }
    text(out, (LEFT + WIDTH - RIGHT) / 2.0, bottom + 44, "middle", "", "batch size (sequences)");
  }

  private double x(int index) {
    double first = Math.log(batches.getFirst());
    double span = Math.log(batches.getLast()) - first;
    double share = span == 0 ? 0.5 : (Math.log(batches.get(index)) - first) / span;
    return LEFT + share * (WIDTH - LEFT - RIGHT);
  }

  private double y(double timeNs) {
    return HEIGHT - BOTTOM - timeNs / mostNs() * (HEIGHT - TOP - BOTTOM);
  }

  private static void point(StringBuilder out, char command, double x, double y) {
    out.append(command).append(Amount.decimal(x, 1)).append(' ').append(Amount.decimal(y, 1));
  }

  private static void text(
      StringBuilder out, double x, double y, String anchor, String style, String text) {
    out.append("<text x=\"").append(Amount.decimal(x, 1)).append("\" y=\"");
    out.append(Amount.decimal(y, 1)).append("\" text-anchor=\"").append(anchor).append('"');
    out.append(style.isEmpty() ? "" : " " + style).append('>').append(escaped(text));
    out.append("</text>\n");
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
