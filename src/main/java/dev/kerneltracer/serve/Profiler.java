package dev.kerneltracer.serve;

import dev.kerneltracer.report.Amount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Opens and closes a server's profiler over HTTP. Between the two nothing is asked of the engine:
/// only its front end's metrics are read, to count steps.
public final class Profiler {
  private static final Duration START = Duration.ofMinutes(2);
  private static final long COUNT_MILLIS = 100;

  private final ServerConnection connection;
  private final @Nullable Path traceDirectory;
  private final Duration stopLimit;
  private final long zeroNanoTime;
  private final Supplier<@Nullable String> died;
  private final Consumer<String> progress;
  private boolean lost;

  /// Makes one for a server.
  ///
  /// @param traceDirectory where its traces appear; null where that cannot be seen from here
  /// @param stopLimit how long stopping and writing may take
  /// @param zeroNanoTime what [System#nanoTime] said when the run began
  /// @param died why the server is no more; null while it lives or nobody knows
  public Profiler(
      ServerConnection connection,
      @Nullable Path traceDirectory,
      Duration stopLimit,
      long zeroNanoTime,
      Supplier<@Nullable String> died,
      Consumer<String> progress) {
    this.connection = connection;
    this.traceDirectory = traceDirectory;
    this.stopLimit = stopLimit;
    this.zeroNanoTime = zeroNanoTime;
    this.died = died;
    this.progress = progress;
  }

  /// Whether the profiler is in an unknown state, so that no further window can be had.
  public boolean isLost() {
    return lost;
  }

  /// Records a window, now.
  ///
  /// @param loadEnded whether there is no load any more
  public WindowResult record(ProfileWindow window, Supplier<Boolean> loadEnded)
      throws InterruptedException {
    Set<Path> before = files();
    ServerState first = ServerMetrics.state(connection, zeroNanoTime);
    long running = first == null || Double.isNaN(first.running()) ? -1 : (long) first.running();
    progress.accept("window " + window.name() + ": starting the profiler");
    ServerConnection.Answer started = await(connection.begin("/start_profile", START), START);
    if (started == null || !started.isOk()) {
      return notStarted(window, running, started, before);
    }
    long startedNs = now();
    boolean counted = false;
    double from = first == null ? Double.NaN : first.iterations();
    ServerState last = first;
    long deadline = System.nanoTime() + window.longest().toNanos();
    while (System.nanoTime() < deadline && died.get() == null && !loadEnded.get()) {
      Thread.sleep(COUNT_MILLIS);
      ServerState state = ServerMetrics.state(connection, zeroNanoTime);
      if (state != null) {
        last = state;
        double steps = state.iterations() - from;
        progress.accept(
            "window "
                + window.name()
                + ": step "
                + (Double.isNaN(steps) ? "?" : (long) steps)
                + "/"
                + window.steps());
        if (steps >= window.steps()) {
          counted = true;
          break;
        }
      }
    }
    long steps =
        last == null || Double.isNaN(last.iterations() - from)
            ? -1
            : (long) (last.iterations() - from);
    return stop(window, startedNs, steps, running, counted, before);
  }

  private WindowResult notStarted(
      ProfileWindow window,
      long running,
      ServerConnection.@Nullable Answer answer,
      Set<Path> before) {
    WindowResult.Outcome outcome =
        died.get() != null
            ? WindowResult.Outcome.ENGINE_DIED
            : answer != null && (answer.status() == 404 || answer.status() == 405)
                ? WindowResult.Outcome.NO_PROFILER
                : WindowResult.Outcome.NOT_STARTED;
    String problem =
        switch (outcome) {
          case NO_PROFILER ->
              "the server was started without a profiler (/start_profile answers "
                  + (answer == null ? 404 : answer.status())
                  + ")";
          case ENGINE_DIED -> "the server died: " + died.get();
          default ->
              answer == null || answer.status() == 0
                  ? "the profiler did not start: "
                      + (answer == null ? "no answer in time" : answer.body())
                  : "/start_profile answered " + answer.status();
        };
    lost = true;
    return new WindowResult(window, -1, -1, -1, -1, running, outcome, problem, added(before));
  }

  private WindowResult stop(
      ProfileWindow window,
      long startedNs,
      long steps,
      long running,
      boolean counted,
      Set<Path> before)
      throws InterruptedException {
    long askedNs = now();
    CompletableFuture<ServerConnection.Answer> stopping =
        connection.begin("/stop_profile", stopLimit.plusSeconds(10));
    long deadline = System.nanoTime() + stopLimit.toNanos();
    ServerConnection.Answer answer = null;
    while (System.nanoTime() < deadline) {
      answer = await(stopping, Duration.ofMillis(500));
      if (answer != null || died.get() != null) {
        break;
      }
      progress.accept(
          "window "
              + window.name()
              + ": writing the trace, "
              + Amount.bytes(size(added(before)))
              + " so far");
    }
    String dead = died.get();
    if (answer != null && answer.isOk()) {
      return new WindowResult(
          window,
          startedNs,
          askedNs,
          now(),
          steps,
          running,
          WindowResult.Outcome.RECORDED,
          counted || steps < 0 ? "" : "ended after " + steps + " of " + window.steps() + " steps",
          added(before));
    }
    lost = true;
    boolean engine = dead != null || (answer != null && answer.status() != 0);
    return new WindowResult(
        window,
        startedNs,
        askedNs,
        -1,
        steps,
        running,
        engine ? WindowResult.Outcome.ENGINE_DIED : WindowResult.Outcome.NOT_STOPPED,
        dead != null
            ? "the server died while the profiler stopped: " + dead
            : answer == null
                ? "the profiler did not stop within "
                    + stopLimit.toSeconds()
                    + " s (--stop-timeout)"
                : answer.status() == 0
                    ? "the profiler did not stop: " + answer.body()
                    : "/stop_profile answered " + answer.status() + ": the engine has died",
        added(before));
  }

  private long now() {
    return System.nanoTime() - zeroNanoTime;
  }

  private static ServerConnection.@Nullable Answer await(
      CompletableFuture<ServerConnection.Answer> future, Duration limit)
      throws InterruptedException {
    try {
      return future.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return null;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private List<Path> added(Set<Path> before) {
    List<Path> added = new ArrayList<>(files());
    added.removeAll(before);
    return added;
  }

  private static long size(List<Path> files) {
    long bytes = 0;
    for (Path file : files) {
      try {
        bytes += Files.size(file);
      } catch (IOException e) {
        // Renamed meanwhile.
      }
    }
    return bytes;
  }

  /// The traces that lie there, in the order of their names.
  private Set<Path> files() {
    Set<Path> found = new TreeSet<>();
    if (traceDirectory == null) {
      return found;
    }
    try (Stream<Path> all = Files.walk(traceDirectory, 2)) {
      all.filter(Files::isRegularFile)
          .filter(path -> path.toString().endsWith(".json") || path.toString().endsWith(".json.gz"))
          .forEach(found::add);
    } catch (IOException e) {
      // Not there yet.
    }
    return found;
  }
}
