package dev.kerneltracer.serve;

import dev.kerneltracer.load.RequestResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The seconds of a run in which clients waited longest, beside what the server said then. Results
/// may be added by several threads.
public final class SlowSeconds {
  private static final long SECOND_NS = 1_000_000_000L;
  // Below this a second is too little like the others to be compared.
  private static final int LEAST_EVENTS = 3;

  private final Map<Long, Sums> seconds = new TreeMap<>();

  private static final class Sums {
    private long gapNs;
    private long gaps;
    private long firstNs;
    private long firsts;
    private long failed;
  }

  /// One second.
  ///
  /// @param second since the run's start
  /// @param meanGapNs between tokens that came in it; -1 for none
  /// @param meanFirstNs time to the first tokens that came in it, from the intended start; -1 for
  ///   none
  /// @param tokens that came in it
  /// @param failed requests that failed in it
  /// @param slowness how much slower than the mean of all seconds: 2 is twice
  /// @param server the state at its end, null where nobody knows
  /// @param cause what the server's state makes of it, in words; empty for nothing
  public record Row(
      long second,
      long meanGapNs,
      long meanFirstNs,
      long tokens,
      long failed,
      double slowness,
      @Nullable ServerState server,
      String cause) {}

  /// Adds one request.
  public synchronized void add(RequestResult result) {
    long before = -1;
    for (long time : result.tokenTimesNs()) {
      if (time < 0) {
        continue;
      }
      Sums sums = at(time);
      if (before < 0) {
        sums.firstNs += time - result.intendedStartNs();
        sums.firsts++;
      } else {
        sums.gapNs += time - before;
        sums.gaps++;
      }
      before = time;
    }
    if (result.status() != RequestResult.Status.OK && result.endNs() >= 0) {
      at(result.endNs()).failed++;
    }
  }

  private Sums at(long timeNs) {
    return seconds.computeIfAbsent(Math.floorDiv(timeNs, SECOND_NS), _ -> new Sums());
  }

  /// The slowest seconds, the slowest first.
  ///
  /// @param states of the server, in the order of time
  /// @param windows in which the profiler ran
  public synchronized List<Row> worst(
      int count, List<ServerState> states, List<WindowResult> windows) {
    double gapNs = 0;
    double gaps = 0;
    double firstNs = 0;
    double firsts = 0;
    for (Sums sums : seconds.values()) {
      gapNs += sums.gapNs;
      gaps += sums.gaps;
      firstNs += sums.firstNs;
      firsts += sums.firsts;
    }
    double meanGap = gaps == 0 ? 0 : gapNs / gaps;
    double meanFirst = firsts == 0 ? 0 : firstNs / firsts;
    List<Row> rows = new ArrayList<>();
    for (Map.Entry<Long, Sums> entry : seconds.entrySet()) {
      Sums sums = entry.getValue();
      if (sums.gaps + sums.firsts + sums.failed < LEAST_EVENTS) {
        continue;
      }
      double byGap = meanGap == 0 || sums.gaps == 0 ? 0 : (double) sums.gapNs / sums.gaps / meanGap;
      double byFirst =
          meanFirst == 0 || sums.firsts == 0 ? 0 : (double) sums.firstNs / sums.firsts / meanFirst;
      rows.add(
          new Row(
              entry.getKey(),
              sums.gaps == 0 ? -1 : sums.gapNs / sums.gaps,
              sums.firsts == 0 ? -1 : sums.firstNs / sums.firsts,
              sums.gaps + sums.firsts,
              sums.failed,
              Math.max(byGap, byFirst),
              null,
              ""));
    }
    rows.sort(Comparator.comparingDouble(Row::slowness).reversed().thenComparingLong(Row::second));
    return rows.stream().limit(count).map(row -> explained(row, states, windows)).toList();
  }

  private static Row explained(Row row, List<ServerState> states, List<WindowResult> windows) {
    long endNs = (row.second() + 1) * SECOND_NS;
    ServerState now = null;
    ServerState before = null;
    for (ServerState state : states) {
      if (state.timeNs() <= endNs) {
        before = now;
        now = state;
      }
    }
    return new Row(
        row.second(),
        row.meanGapNs(),
        row.meanFirstNs(),
        row.tokens(),
        row.failed(),
        row.slowness(),
        now,
        cause(row, now, before, windows));
  }

  /// The strongest reasons first.
  private static String cause(
      Row row,
      @Nullable ServerState now,
      @Nullable ServerState before,
      List<WindowResult> windows) {
    List<String> causes = new ArrayList<>();
    long startNs = row.second() * SECOND_NS;
    for (WindowResult window : windows) {
      if (window.stopAskedNs() >= 0
          && window.stopAskedNs() < startNs + SECOND_NS
          && (window.stoppedNs() < 0 || window.stoppedNs() > startNs)) {
        causes.add("the profiler wrote '" + window.window().name() + "'");
      } else if (window.startedNs() >= 0
          && window.startedNs() < startNs + SECOND_NS
          && window.stopAskedNs() > startNs) {
        causes.add("window '" + window.window().name() + "' was open");
      }
    }
    if (now != null && before != null) {
      long preemptions = Math.round(now.preemptions() - before.preemptions());
      if (preemptions > 0) {
        causes.add(preemptions + (preemptions == 1 ? " preemption" : " preemptions"));
      }
    }
    if (now != null) {
      if (now.kvUsage() > 0.9) {
        causes.add("KV cache " + Math.round(now.kvUsage() * 100) + " % full");
      }
      if (now.waiting() >= 1) {
        causes.add((long) now.waiting() + " waiting");
      }
    }
    if (causes.isEmpty() && now != null && before != null) {
      long prompt = Math.round(now.promptTokens() - before.promptTokens());
      long generated = Math.round(now.generationTokens() - before.generationTokens());
      if (prompt > generated) {
        causes.add(prompt + " prompt tokens");
      }
    }
    return String.join(", ", causes);
  }
}
