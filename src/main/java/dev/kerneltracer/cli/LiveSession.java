package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.live.MetricsPage;
import dev.kerneltracer.live.MetricsServer;
import dev.kerneltracer.live.SessionJson;
import dev.kerneltracer.live.WatchedSession;
import dev.kerneltracer.report.JsonFile;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Follows a session, and those of further servers of the same command (`…_2`, `…_3`), in a thread
/// of its own: tables are written, the view is drawn on standard error, metrics are served.
final class LiveSession implements AutoCloseable {
  private static final long TICK_MILLIS = 250;
  private static final long HEARTBEAT_NS = 10_000_000_000L;
  private static final int MOST_SESSIONS = 64;

  /// Below the view one line stays free for the cursor.
  private static final int FREE_LINES = 1;

  private final LiveOptions options;
  private final long interval;
  private final boolean summaryOnStdout;
  private final Terminal terminal = Terminal.stderr();
  private final boolean inPlace;
  private final LiveScreen screen;
  private final List<WatchedSession> sessions = new ArrayList<>();
  private final @Nullable MetricsServer metrics;
  private final Thread thread;
  private volatile boolean closing;
  private volatile boolean caughtUp;
  private volatile @Nullable ProgramOutput output;
  private String beat = "";
  private long beatNs = System.nanoTime();

  private LiveSession(Path session, LiveOptions options, boolean summaryOnStdout, long interval) {
    this.interval = interval;
    this.options = options;
    this.summaryOnStdout = summaryOnStdout;
    this.inPlace = options.hasView() && terminal.isTerminal();
    this.screen = new LiveScreen(System.err, terminal::width, terminal::height);
    sessions.add(open(session));
    Integer port = options.metricsPort();
    this.metrics =
        port == null
            ? null
            : MetricsServer.start(options.metricsAddress(), port, () -> MetricsPage.of(all()));
    this.thread = Thread.ofPlatform().name("session").daemon().unstarted(this::follow);
  }

  /// Begins to follow.
  ///
  /// @param session the directory, which may be empty or not there yet
  /// @param summaryOnStdout where the closing summary goes: to standard error where standard output
  ///   is the watched program's
  /// @param interval every how manieth operation stands in the sampled tables
  /// @throws UserException where metrics cannot be served
  static LiveSession start(
      Path session, LiveOptions options, boolean summaryOnStdout, long interval) {
    LiveSession live = new LiveSession(session, options, summaryOnStdout, interval);
    if (live.metrics != null) {
      System.err.println("kerneltracer: metrics at " + live.metrics.url());
    }
    live.thread.start();
    return live;
  }

  private WatchedSession open(Path directory) {
    return new WatchedSession(directory, true, interval);
  }

  /// Whether the view is drawn on the terminal. Then what a watched program prints must go to a
  /// file that [#showOutput] names, or the two would write over each other.
  boolean ownsTerminal() {
    return inPlace;
  }

  /// Prints what a program writes into a file, line by line above the view.
  void showOutput(Path file) {
    output = new ProgramOutput(file);
  }

  private List<WatchedSession> all() {
    synchronized (sessions) {
      return List.copyOf(sessions);
    }
  }

  /// Whether no process of any server can write any more.
  boolean isOver() {
    return all().stream().allMatch(WatchedSession::isOver);
  }

  /// Whether everything that stands in the files has been read.
  boolean hasCaughtUp() {
    return caughtUp;
  }

  private void follow() {
    while (!closing) {
      findSiblings();
      boolean more = false;
      for (WatchedSession session : all()) {
        more |= session.update();
      }
      draw();
      caughtUp = !more;
      if (!more) {
        try {
          Thread.sleep(TICK_MILLIS);
        } catch (InterruptedException e) {
          return; // by close
        }
      }
    }
  }

  private void findSiblings() {
    List<WatchedSession> known = all();
    if (known.size() < MOST_SESSIONS) {
      WatchedSession first = known.getFirst();
      Path next = first.directory().resolveSibling(first.name() + "_" + (known.size() + 1));
      if (Files.isDirectory(next)) {
        synchronized (sessions) {
          sessions.add(open(next));
        }
      }
    }
  }

  /// The session that is shown: the last begun of those that run.
  private static WatchedSession shown(List<WatchedSession> all) {
    for (WatchedSession session : all.reversed()) {
      if (session.hasBegun() && !session.isOver()) {
        return session;
      }
    }
    return all.getLast();
  }

  /// @param all also a last line without an end
  private void showLines(boolean all) {
    ProgramOutput program = output;
    if (program == null) {
      return;
    }
    List<String> lines = program.lines(all);
    while (!lines.isEmpty()) {
      screen.say(lines);
      lines = program.lines(all);
    }
  }

  private void draw() {
    showLines(false);
    List<WatchedSession> all = all();
    if (inPlace) {
      int width = Math.max(1, terminal.width() - 1);
      int height = Math.max(1, terminal.height() - FREE_LINES);
      WatchedSession shown = shown(all);
      List<StyledLine> lines = new ArrayList<>();
      boolean colour = terminal.hasColour();
      for (WatchedSession other : all) {
        if (other != shown && other.hasBegun()) {
          synchronized (other) {
            lines.add(
                new StyledLine(width, colour).add(StyledLine.Style.DIM, LiveFrame.logLine(other)));
          }
        }
      }
      synchronized (shown) {
        lines.addAll(LiveFrame.of(shown, width, height - lines.size(), colour));
      }
      screen.draw(lines.subList(0, Math.min(lines.size(), height)));
      return;
    }
    long nowNs = System.nanoTime();
    if (nowNs - beatNs >= HEARTBEAT_NS) {
      beatNs = nowNs;
      StringBuilder now = new StringBuilder();
      for (WatchedSession session : all) {
        synchronized (session) {
          now.append(now.isEmpty() ? "" : "\n").append(LiveFrame.logLine(session));
        }
      }
      if (!now.toString().equals(beat)) {
        beat = now.toString();
        System.err.println(beat);
      }
    }
  }

  /// Reads the rest, finishes the tables, and prints the closing summary.
  @Override
  public void close() {
    closing = true;
    thread.interrupt();
    boolean interrupted = joined();
    if (metrics != null) {
      metrics.close();
    }
    findSiblings();
    for (WatchedSession session : all()) {
      session.close();
    }
    showLines(true);
    screen.clear();
    printSummary();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Waits for the thread, whatever else wants this one.
  private boolean joined() {
    boolean interrupted = Thread.interrupted();
    while (true) {
      try {
        thread.join();
        return interrupted;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
  }

  private void printSummary() {
    List<WatchedSession> all = all();
    if (options.format() == OutputFormat.JSON) {
      JsonFile.print(
          System.out,
          json -> {
            json.writeStartObject();
            json.writeArrayPropertyStart("sessions");
            all.forEach(session -> SessionJson.write(json, session));
            json.writeEndArray();
            json.writeEndObject();
          });
      return;
    }
    Terminal target = summaryOnStdout ? Terminal.stdout() : terminal;
    PrintStream out = summaryOnStdout ? System.out : System.err;
    for (WatchedSession session : all) {
      if (!session.hasBegun() && !summaryOnStdout) {
        continue; // the command tells why nothing was recorded
      }
      out.print(SessionReport.of(session, target.width(), target.hasColour()));
    }
    out.flush();
  }

  /// The directory of a session that is to be looked at.
  ///
  /// @param directory of a session, or of several, of which it is the last
  /// @throws UserException where there is none
  static Path find(Path directory) {
    if (isSession(directory)) {
      return directory;
    }
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> sessions = Files.newDirectoryStream(directory, "session_*")) {
      for (Path session : sessions) {
        if (isSession(session)) {
          found.add(session);
        }
      }
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "cannot read " + directory + ": " + AtomicFile.reason(e),
          "Name the directory of a session, as kerneltracer watch prints it.",
          e);
    }
    if (found.isEmpty()) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          directory + " is no session: it has no events/ directory",
          "Name the directory of a session, as kerneltracer watch prints it.");
    }
    found.sort(null);
    return found.getLast();
  }

  private static boolean isSession(Path directory) {
    return Files.isDirectory(directory.resolve("events"))
        || Files.isRegularFile(directory.resolve("session.json"));
  }
}
