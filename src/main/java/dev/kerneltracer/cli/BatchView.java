package dev.kerneltracer.cli;

import dev.kerneltracer.batch.BatchListener;
import dev.kerneltracer.batch.BatchPlan;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.RunSummary;
import dev.kerneltracer.tracer.TraceJob;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/// Says on standard error how far the jobs of a command are: how many are done and for how long it
/// still takes, what each running job is doing, and, in lines that stay, what failed and why. On a
/// terminal it is a block that is written over in place; elsewhere a line for each job that ends,
/// and one every ten seconds where none does.
final class BatchView implements BatchListener, AutoCloseable {
  private static final long REDRAW_MILLIS = 250;
  private static final long HEARTBEAT_NS = 10_000_000_000L;
  private static final int MOST_RUNNING = 8;

  private final PrintStream out;
  private final ProgressLine.Style style;
  private final IntSupplier width;
  private final LongSupplier clockNs;
  private final Supplier<String> downloads;
  private final String title;
  private final boolean single;
  private final int total;
  private final long startNs;
  private final Map<TraceJob, Running> running = new LinkedHashMap<>();
  private int done;
  private int failed;
  private String note = "";
  private String drawn = "";
  private int drawnLines;
  private String beat = "";
  private long printedNs;
  private boolean closed;

  private record Running(long startNs, String phase) {}

  BatchView(
      BatchPlan plan,
      Supplier<String> downloads,
      PrintStream out,
      ProgressLine.Style style,
      IntSupplier width,
      LongSupplier clockNs) {
    this.out = out;
    this.style = style;
    this.width = width;
    this.clockNs = clockNs;
    this.downloads = downloads;
    this.single = plan.models() == 1;
    this.title = single ? plan.jobs().getFirst().job().model().label() : plan.models() + " models";
    this.total = plan.open().size();
    this.startNs = clockNs.getAsLong();
    this.printedNs = startNs;
  }

  /// Starts one on standard error.
  ///
  /// @param downloads tells of downloads under way; empty where there are none
  static BatchView start(BatchPlan plan, Supplier<String> downloads, boolean quiet) {
    Terminal terminal = Terminal.stderr();
    ProgressLine.Style style =
        quiet
            ? ProgressLine.Style.QUIET
            : terminal.isTerminal() ? ProgressLine.Style.TERMINAL : ProgressLine.Style.LOG;
    BatchView view =
        new BatchView(plan, downloads, System.err, style, terminal::width, System::nanoTime);
    if (style != ProgressLine.Style.QUIET) {
      Thread.ofVirtual().name("progress").start(view::tickUntilClosed);
    }
    return view;
  }

  /// This, and the summary in the files.
  BatchListener alsoTelling(RunSummary summary) {
    BatchView view = this;
    return new BatchListener() {
      @Override
      public void started(TraceJob job) {
        view.started(job);
      }

      @Override
      public void said(TraceJob job, String text) {
        view.said(job, text);
      }

      @Override
      public void ended(TraceJob job, JobResult result, boolean again) {
        summary.add(result);
        view.ended(job, result, again);
      }
    };
  }

  @Override
  public synchronized void started(TraceJob job) {
    running.put(job, new Running(clockNs.getAsLong(), "starting"));
    draw();
  }

  @Override
  public synchronized void said(TraceJob job, String text) {
    running.computeIfPresent(job, (_, before) -> new Running(before.startNs(), printable(text)));
    draw();
  }

  @Override
  public synchronized void ended(TraceJob job, JobResult result, boolean again) {
    running.remove(job);
    boolean bad = result.status().failed();
    if (!again) {
      done++;
      failed += bad ? 1 : 0;
    }
    if (bad && !single) {
      line(
          result.status().outcome().text()
              + (again ? ", is tried again" : "")
              + ": "
              + name(job)
              + ": "
              + printable(result.status().reason()));
    } else if (style == ProgressLine.Style.LOG) {
      line(
          String.format(
              Locale.ROOT,
              "[%d/%d] %s: %s (%.1f s)",
              done,
              total,
              name(job),
              result.skipped() ? "done before" : result.status().outcome().text(),
              result.status().durationS()));
    }
    draw();
  }

  /// A line that stays.
  synchronized void say(String text) {
    line("kerneltracer: " + printable(text));
    draw();
  }

  /// Takes the block away: results and errors begin on a clean line.
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
    note = printable(downloads.get());
    switch (style) {
      case TERMINAL -> {
        int room = Math.max(1, width.getAsInt() - 1);
        List<String> lines = new ArrayList<>(List.of(headline()));
        lines.addAll(details(room));
        StringBuilder text = new StringBuilder();
        for (String line : lines) {
          text.append(cut(line, room)).append("\u001b[K\n");
        }
        if (!drawn.contentEquals(text)) {
          out.print(up() + text + "\u001b[J");
          out.flush();
          drawn = text.toString();
          drawnLines = lines.size();
        }
      }
      case LOG -> {
        long nowNs = clockNs.getAsLong();
        if (nowNs - printedNs >= HEARTBEAT_NS) {
          String now = log();
          if (!now.equals(beat)) {
            beat = now;
            line(now + " (" + ProgressLine.clock(nowNs - startNs) + ")");
          }
          printedNs = nowNs;
        }
      }
      case QUIET -> {}
    }
  }

  private String headline() {
    long elapsedNs = clockNs.getAsLong() - startNs;
    StringBuilder text = new StringBuilder(title).append(": ").append(done).append('/');
    text.append(total).append(" done");
    if (failed > 0) {
      text.append(", ").append(failed).append(" failed");
    }
    if (done > 0 && done < total) {
      long leftNs = (long) (elapsedNs * ((double) (total - done) / done));
      text.append(", about ").append(ProgressLine.clock(leftNs)).append(" left");
    }
    return text.append(' ').append(ProgressLine.clock(elapsedNs)).toString();
  }

  /// The jobs on their way and the downloads.
  private List<String> details(int room) {
    List<String> lines = new ArrayList<>();
    int longest = 0;
    for (TraceJob job : running.keySet()) {
      longest = Math.max(longest, Math.min(name(job).length(), room / 2));
    }
    Iterator<Map.Entry<TraceJob, Running>> entries = running.entrySet().iterator();
    for (int i = 0; i < MOST_RUNNING && entries.hasNext(); i++) {
      Map.Entry<TraceJob, Running> entry = entries.next();
      long ns = clockNs.getAsLong() - entry.getValue().startNs();
      String name = cut(name(entry.getKey()), longest);
      lines.add(
          "  "
              + name
              + " ".repeat(Math.max(0, longest - name.length()))
              + "  "
              + ProgressLine.clock(ns)
              + " "
              + entry.getValue().phase());
    }
    if (running.size() > MOST_RUNNING) {
      lines.add("  … and " + (running.size() - MOST_RUNNING) + " more");
    }
    if (!note.isEmpty()) {
      lines.add("  downloads: " + note);
    }
    return lines;
  }

  private String log() {
    List<String> parts = new ArrayList<>();
    running.forEach((job, state) -> parts.add(name(job) + " " + state.phase()));
    if (!note.isEmpty()) {
      parts.add("downloads " + note);
    }
    return title + ": " + done + "/" + total + " done; " + String.join(", ", parts);
  }

  private String name(TraceJob job) {
    String mode = job.mode() == Mode.EVAL ? "" : " (" + job.mode().text() + ")";
    return (single ? "" : job.model().label() + " ") + job.tracer().name() + mode;
  }

  private void line(String text) {
    if (style == ProgressLine.Style.QUIET) {
      return;
    }
    clear();
    out.println(text);
    printedNs = clockNs.getAsLong();
  }

  private void clear() {
    if (drawnLines > 0) {
      out.print(up() + "\u001b[J");
      out.flush();
      drawn = "";
      drawnLines = 0;
    }
  }

  /// To the first line of what stands there.
  private String up() {
    return drawnLines == 0 ? "" : "\u001b[" + drawnLines + "A\r";
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

  private static String printable(String text) {
    return text.replaceAll("\\p{Cntrl}", " ").strip();
  }

  private static String cut(String line, int room) {
    if (line.codePointCount(0, line.length()) <= room) {
      return line;
    }
    return room <= 1 ? "" : line.substring(0, line.offsetByCodePoints(0, room - 1)) + "…";
  }
}
