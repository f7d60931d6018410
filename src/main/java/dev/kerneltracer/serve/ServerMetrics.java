package dev.kerneltracer.serve;

import dev.kerneltracer.report.CsvFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Asks a server for its metrics each second, on the clock of the requests, until it is closed.
public final class ServerMetrics implements AutoCloseable {
  private static final Duration EVERY = Duration.ofSeconds(1);
  private static final int MOST_STATES = 200_000;

  private final ServerConnection connection;
  private final long zeroNanoTime;
  private final List<ServerState> states = new ArrayList<>();
  private final Thread thread;
  private volatile boolean closed;
  private final AtomicInteger failures = new AtomicInteger();

  private ServerMetrics(ServerConnection connection, long zeroNanoTime) {
    this.connection = connection;
    this.zeroNanoTime = zeroNanoTime;
    this.thread = Thread.ofVirtual().name("server metrics").start(this::ask);
  }

  /// Begins at once.
  ///
  /// @param zeroNanoTime what [System#nanoTime] said when the run began
  public static ServerMetrics start(ServerConnection connection, long zeroNanoTime) {
    return new ServerMetrics(connection, zeroNanoTime);
  }

  private void ask() {
    long next = System.nanoTime();
    try {
      while (!closed) {
        ServerState state = state(connection, zeroNanoTime);
        if (state == null) {
          failures.incrementAndGet();
        } else {
          add(state);
        }
        next += EVERY.toNanos();
        long wait = next - System.nanoTime();
        if (wait > 0) {
          Thread.sleep(Duration.ofNanos(wait));
        } else {
          next = System.nanoTime();
        }
      }
    } catch (InterruptedException e) {
      // Closed: the end of the run is seen as well.
    }
    try {
      ServerState last = state(connection, zeroNanoTime);
      if (last != null) {
        add(last);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Whether a server shows metrics of vLLM's.
  public static boolean areVllms(ServerConnection connection) throws InterruptedException {
    return state(connection, 0) != null;
  }

  /// What the server says now; null where it says nothing.
  static @Nullable ServerState state(ServerConnection connection, long zeroNanoTime)
      throws InterruptedException {
    long asked = System.nanoTime();
    String text = connection.metrics();
    if (text == null) {
      return null;
    }
    ServerState state = ServerState.of(text, asked - zeroNanoTime, System.nanoTime() - asked);
    return state.isVllm() ? state : null;
  }

  private synchronized void add(ServerState state) {
    if (states.size() < MOST_STATES) {
      states.add(state);
    }
  }

  /// Those so far, in the order of time.
  public synchronized List<ServerState> states() {
    return List.copyOf(states);
  }

  /// How often the server did not answer.
  public int failures() {
    return failures.get();
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      thread.join(ServerConnection.SHORT.plusSeconds(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Writes `server_metrics.csv`: a row for each time, counters also as what they grew by since the
  /// row before.
  public static void write(Path file, List<ServerState> states) {
    CsvFile.write(
        file,
        List.of(
            "time_s",
            "running",
            "waiting",
            "kv_cache_usage",
            "preemptions",
            "preemptions_total",
            "prefix_queries",
            "prefix_hits",
            "prefix_hit_rate",
            "prompt_tokens",
            "generation_tokens",
            "steps",
            "finished_total",
            "scrape_s"),
        csv -> {
          ServerState before = null;
          for (ServerState state : states) {
            ServerState from = before == null ? state : before;
            double queries = state.prefixQueries() - from.prefixQueries();
            double hits = state.prefixHits() - from.prefixHits();
            csv.cell(state.timeNs() / 1e9, 3);
            count(csv, state.running());
            count(csv, state.waiting());
            csv.cell(state.kvUsage(), 6);
            count(csv, state.preemptions() - from.preemptions());
            count(csv, state.preemptions());
            count(csv, queries);
            count(csv, hits);
            csv.cell(queries > 0 ? hits / queries : Double.NaN, 4);
            count(csv, state.promptTokens() - from.promptTokens());
            count(csv, state.generationTokens() - from.generationTokens());
            count(csv, state.iterations() - from.iterations());
            count(csv, state.finished());
            csv.cell(state.tookNs() / 1e9, 4).endRow();
            before = state;
          }
        });
  }

  private static void count(CsvFile csv, double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      csv.empty();
    } else {
      csv.cell(Math.round(number));
    }
  }
}
