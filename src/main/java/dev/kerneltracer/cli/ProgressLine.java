package dev.kerneltracer.cli;

import java.io.PrintStream;
import java.time.Duration;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/// Says on standard error what a long step is doing and for how long. On a terminal it is one line,
/// written over in place and never wider than the window; elsewhere a plain line, only where the
/// text has changed and at most every ten seconds, so that logs stay small.
public final class ProgressLine implements AutoCloseable {
  private static final long REDRAW_MILLIS = 250;
  private static final long LOG_INTERVAL_NS = Duration.ofSeconds(10).toNanos();

  /// Where the line goes.
  enum Style {
    /// Rewritten in place.
    TERMINAL,
    /// One line after another.
    LOG,
    /// Nowhere.
    QUIET
  }

  private final String title;
  private final PrintStream out;
  private final Style style;
  private final IntSupplier width;
  private final LongSupplier clockNs;
  private final long startNs;
  private String text = "";
  private String printed = "";
  private long printedNs;
  private String drawn = "";
  private boolean closed;

  ProgressLine(
      String title, PrintStream out, Style style, IntSupplier width, LongSupplier clockNs) {
    this.title = title;
    this.out = out;
    this.style = style;
    this.width = width;
    this.clockNs = clockNs;
    this.startNs = clockNs.getAsLong();
  }

  public static ProgressLine start(String title) {
    return start(title, false);
  }

  /// Starts one that says nothing where that is asked for.
  ///
  /// @param quiet print nothing at all
  public static ProgressLine start(String title, boolean quiet) {
    Terminal terminal = Terminal.stderr();
    Style style = quiet ? Style.QUIET : terminal.isTerminal() ? Style.TERMINAL : Style.LOG;
    ProgressLine line =
        new ProgressLine(title, System.err, style, terminal::width, System::nanoTime);
    if (style != Style.QUIET) {
      Thread.ofVirtual().name("progress").start(line::tickUntilClosed);
    }
    return line;
  }

  /// Replaces what is shown; any thread.
  public synchronized void show(String newText) {
    text = newText.replaceAll("\\p{Cntrl}", " ").strip();
    draw();
  }

  /// Shows how far it is as well, and from it the time that is left.
  public synchronized void show(String newText, long done, long total) {
    long elapsedNs = clockNs.getAsLong() - startNs;
    String left =
        done <= 0 || done >= total
            ? ""
            : ", about " + clock((long) (elapsedNs * ((double) (total - done) / done))) + " left";
    show(newText + " " + done + "/" + total + left);
  }

  /// Prints a line that stays, above the progress line.
  public synchronized void say(String line) {
    if (style == Style.QUIET) {
      return;
    }
    clear();
    out.println(line);
    draw();
  }

  /// Takes the line away: results and errors begin on a clean one.
  @Override
  public synchronized void close() {
    closed = true;
    clear();
    notifyAll();
  }

  synchronized void draw() {
    if (closed) {
      return;
    }
    long nowNs = clockNs.getAsLong();
    switch (style) {
      case TERMINAL -> {
        String elapsed = " " + clock(nowNs - startNs);
        // The last column stays free, or the terminal may wrap.
        int room = Math.max(0, width.getAsInt() - 1 - elapsed.length());
        String now = "\r" + cut(line(), room) + elapsed + "\u001b[K";
        if (!now.equals(drawn)) {
          out.print(now);
          out.flush();
          drawn = now;
        }
      }
      case LOG -> {
        boolean first = printed.isEmpty();
        if (!text.isEmpty()
            && !line().equals(printed)
            && (first || nowNs - printedNs >= LOG_INTERVAL_NS)) {
          printed = line();
          printedNs = nowNs;
          out.println(printed + " (" + clock(nowNs - startNs) + ")");
        }
      }
      case QUIET -> {}
    }
  }

  private synchronized void tickUntilClosed() {
    while (!closed) {
      draw();
      try {
        wait(REDRAW_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void clear() {
    if (!drawn.isEmpty()) {
      out.print("\r\u001b[K");
      out.flush();
      drawn = "";
    }
  }

  private String line() {
    return text.isEmpty() ? title : title + ": " + text;
  }

  private static String cut(String line, int room) {
    if (line.codePointCount(0, line.length()) <= room) {
      return line;
    }
    return room <= 1 ? "" : line.substring(0, line.offsetByCodePoints(0, room - 1)) + "…";
  }

  /// As `0:07`, `12:30`, `1:02:03`.
  static String clock(long ns) {
    Duration elapsed = Duration.ofNanos(ns);
    return elapsed.toHours() > 0
        ? String.format(
            "%d:%02d:%02d", elapsed.toHours(), elapsed.toMinutesPart(), elapsed.toSecondsPart())
        : String.format("%d:%02d", elapsed.toMinutes(), elapsed.toSecondsPart());
  }
}
