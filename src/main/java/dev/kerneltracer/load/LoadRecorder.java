package dev.kerneltracer.load;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/// Keeps what a run measures: results come from any thread and are written and counted by one of
/// its own, so that a slow disk never delays who sends.
public final class LoadRecorder implements AutoCloseable {
  /// How late the client may begin one request in a hundred before its latencies are doubted.
  private static final long MOST_LATENESS_NS = 5_000_000;

  /// Or what part of the median time to the first token.
  private static final double MOST_LATENESS_SHARE = 0.05;

  private final @Nullable RequestsFile file;
  private final Goal goal;
  private final boolean closedLoop;
  private final BlockingQueue<Message> queue = new LinkedBlockingQueue<>();
  private final Thread thread;

  // Of the thread, and of others once it has ended.
  private final SortedMap<String, ClassSamples> classes = new TreeMap<>();
  private final LongSamples lateness = new LongSamples();
  private long lastEndNs;

  private sealed interface Message {
    record Ended(RequestResult result) implements Message {}

    record Closed() implements Message {}
  }

  private LoadRecorder(@Nullable RequestsFile file, Goal goal, boolean closedLoop) {
    this.file = file;
    this.goal = goal;
    this.closedLoop = closedLoop;
    this.thread = Thread.ofPlatform().name("requests").start(this::record);
  }

  /// Begins.
  ///
  /// @param requestsFile where `requests.jsonl` goes, null for nowhere
  /// @param goal by which goodput counts
  public static LoadRecorder start(LoadPlan plan, @Nullable Path requestsFile, Goal goal) {
    RequestsFile file = requestsFile == null ? null : RequestsFile.create(requestsFile);
    return new LoadRecorder(file, goal, plan.pace() instanceof LoadPlan.Pace.Closed);
  }

  /// Takes a result; any thread.
  public void add(RequestResult result) {
    queue.add(new Message.Ended(result));
  }

  /// Why `requests.jsonl` is not whole, null where it is; after [#close].
  public @Nullable String failure() {
    return file == null ? null : file.failure();
  }

  /// What was measured; after [#close].
  ///
  /// @param run how it went on the client's side
  public LoadMetrics metrics(LoadPlan plan, LoadRun run) {
    ClassSamples whole = new ClassSamples();
    SortedMap<String, ClassMetrics> each = new TreeMap<>();
    classes.forEach((name, samples) -> {
      whole.addAll(samples);
      each.put(name, samples.metrics(lastEndNs));
    });
    ClassMetrics all = whole.metrics(lastEndNs);
    Distribution late = lateness.distribution();
    return new LoadMetrics(
        plan.requests().size(),
        run.interrupted(),
        late,
        doubts(plan, run, late, all),
        all,
        Collections.unmodifiableSortedMap(each));
  }

  private List<String> doubts(LoadPlan plan, LoadRun run, Distribution late, ClassMetrics all) {
    List<String> doubts = new ArrayList<>();
    double bearableNs =
        Math.max(MOST_LATENESS_NS, MOST_LATENESS_SHARE * all.ttftFromSend().p50Ns());
    if (late.p99Ns() > bearableNs) {
      doubts.add(
          "the client began 1 % of the requests more than "
              + late.p99Ns() / 1_000_000
              + " ms late: give it a core of its own, or a lower rate");
    }
    if (run.lateness().lagP99Ns() > bearableNs) {
      doubts.add(
          "the client saw what came up to "
              + run.lateness().lagP99Ns() / 1_000_000
              + " ms late (p99): give it a core of its own");
    }
    long missing = plan.requests().size() - all.sent();
    if (missing > 0 && !run.interrupted() && !closedLoop) {
      doubts.add(missing + " planned requests were not sent");
    }
    return doubts;
  }

  /// Waits until all that was taken is written.
  @Override
  public void close() {
    queue.add(new Message.Closed());
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void record() {
    try (RequestsFile _ = file) {
      while (true) {
        switch (queue.take()) {
          case Message.Closed _ -> {
            return;
          }
          case Message.Ended ended -> count(ended.result());
        }
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e); // nobody has this thread but this class
    }
  }

  private void count(RequestResult result) {
    if (file != null) {
      file.add(result);
    }
    classes.computeIfAbsent(result.requestClass(), _ -> new ClassSamples()).add(result, goal);
    if (result.startNs() >= 0 && !closedLoop) {
      lateness.add(result.startNs() - result.intendedStartNs());
    }
    lastEndNs = Math.max(lastEndNs, Math.max(result.endNs(), 0));
  }
}
