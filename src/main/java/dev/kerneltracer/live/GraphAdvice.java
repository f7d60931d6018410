package dev.kerneltracer.live;

import dev.kerneltracer.report.Amount;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// What the use of a worker's CUDA graphs says: which sizes to add and to drop, and what padding
/// costs.
final class GraphAdvice {
  static final int LEAST_FORWARDS = 200;

  private static final double MUCH_PADDING = 0.1;
  private static final double MUCH_EAGER = 0.05;
  private static final double GOOD_HIT_RATE = 0.9;
  private static final int MOST_ADDITIONS = 4;
  private static final int MOST_CANDIDATES = 64;
  private static final int SIZE_STEP = 8;

  private final WorkerState worker;
  private final TreeSet<Long> sizes = new TreeSet<>();
  private final TreeSet<Long> used = new TreeSet<>();
  private final TreeSet<Long> proposed = new TreeSet<>();
  private double unusedSeconds;
  private final List<Finding> findings = new ArrayList<>();

  private GraphAdvice(WorkerState worker) {
    this.worker = worker;
  }

  static List<Finding> of(WorkerState worker, EngineSettings settings) {
    GraphAdvice advice = new GraphAdvice(worker);
    if (worker.forwards() >= LEAST_FORWARDS && !worker.isOnCpu()) {
      advice.sumUp();
      advice.propose();
      advice.eager(settings);
      advice.padding();
      advice.unused();
      advice.hits();
    }
    return advice.findings;
  }

  private void sumUp() {
    worker
        .graphs()
        .forEach((key, use) -> {
          if (key.tokens() > 0) {
            sizes.add(key.tokens());
            if (use.forwards() > 0) {
              used.add(key.tokens());
            } else {
              unusedSeconds += use.captureSeconds();
            }
          }
        });
  }

  /// The sizes that are used, with those that are missed: every finding names all of them, since
  /// one flag sets them all.
  private void propose() {
    proposed.addAll(used.isEmpty() ? sizes : used);
    if (worker.paddingOverhead() > MUCH_PADDING) {
      proposed.addAll(best(sizes, worker.graphSizes()));
    }
    if (eagerShare() >= MUCH_EAGER && !sizes.isEmpty()) {
      proposed.add(roundedUp(new TreeMap<>(worker.eagerDecodeSizes()).lastKey()));
      proposed.addAll(best(proposed, worker.eagerDecodeSizes()));
    }
  }

  private static long roundedUp(long tokens) {
    return (tokens + SIZE_STEP - 1) / SIZE_STEP * SIZE_STEP;
  }

  private double eagerShare() {
    return (double) eagerDecodes() / worker.forwards();
  }

  private long eagerDecodes() {
    return worker.eagerDecodeSizes().values().stream().mapToLong(Long::longValue).sum();
  }

  private String flag() {
    return "--compilation-config '{\"cudagraph_capture_sizes\": " + proposed + "}'";
  }

  private void eager(EngineSettings settings) {
    long enforced = worker.eagerByReason().getOrDefault("enforce_eager", 0L);
    if (enforced > 0 || settings.enforceEager()) {
      findings.add(
          new Finding(
              "enforce_eager",
              Finding.Level.ADVICE,
              Amount.count(enforced)
                  + " of "
                  + Amount.count(worker.forwards())
                  + " forwards ran without CUDA graphs because of --enforce-eager: each launches"
                  + " all its kernels one by one. Leave the flag out.",
              "",
              Map.of("eager_forwards", (double) enforced)));
      return;
    }
    long eager = eagerDecodes();
    double share = eagerShare();
    if (sizes.isEmpty() || share < MUCH_EAGER) {
      return;
    }
    long largest = new TreeMap<>(worker.eagerDecodeSizes()).lastKey();
    findings.add(
        new Finding(
            "graph_sizes_to_add",
            Finding.Level.ADVICE,
            Amount.count(eager)
                + " decode forwards ("
                + Amount.share(share)
                + " of all) found no CUDA graph; they had up to "
                + Amount.count(largest)
                + " tokens, the largest graph has "
                + Amount.count(sizes.last())
                + ". Capture more sizes.",
            flag(),
            Map.of(
                "eager_decode_forwards", (double) eager,
                "eager_decode_share", share,
                "largest_eager_tokens", (double) largest,
                "largest_graph_tokens", (double) sizes.last())));
  }

  private void padding() {
    double overhead = worker.paddingOverhead();
    if (worker.graphForwards() < LEAST_FORWARDS) {
      return;
    }
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("padding_overhead", overhead);
    numbers.put("padding_tokens", (double) worker.paddingOfGraphs());
    String seen =
        Amount.share(overhead)
            + " of the tokens that ran in CUDA graphs were padding ("
            + Amount.count(worker.paddingOfGraphs())
            + " tokens in "
            + Amount.count(worker.graphForwards())
            + " forwards)";
    if (overhead <= MUCH_PADDING) {
      findings.add(new Finding("padding_low", Finding.Level.GOOD, seen + ".", "", numbers));
      return;
    }
    NavigableSet<Long> additions = best(sizes, worker.graphSizes());
    if (additions.isEmpty()) {
      return;
    }
    double after = overhead(proposed, worker.graphSizes());
    numbers.put("padding_overhead_after", after);
    findings.add(
        new Finding(
            "padding_high",
            Finding.Level.ADVICE,
            seen
                + ". With graphs of "
                + String.join(", ", additions.stream().map(String::valueOf).toList())
                + " tokens besides it would have been "
                + Amount.share(after)
                + ".",
            flag(),
            numbers));
  }

  private void unused() {
    TreeSet<Long> never = new TreeSet<>(sizes);
    never.removeAll(used);
    if (never.isEmpty() || used.isEmpty()) {
      return;
    }
    findings.add(
        new Finding(
            "graph_sizes_to_drop",
            Finding.Level.ADVICE,
            Amount.count(never.size())
                + " of "
                + Amount.count(sizes.size())
                + " captured sizes never ran in "
                + Amount.count(worker.forwards())
                + " forwards: "
                + String.join(", ", never.stream().map(String::valueOf).toList())
                + ". Capturing graphs that never ran took "
                + Amount.time((long) (unusedSeconds * 1e9))
                + " at the start, and they hold memory.",
            flag(),
            Map.of(
                "sizes_never_used", (double) never.size(),
                "sizes_captured", (double) sizes.size(),
                "capture_seconds", unusedSeconds)));
  }

  private void hits() {
    if (worker.graphHitRate() >= GOOD_HIT_RATE) {
      findings.add(
          new Finding(
              "graph_hit_rate_good",
              Finding.Level.GOOD,
              Amount.share(worker.graphHitRate())
                  + " of "
                  + Amount.count(worker.forwards())
                  + " forwards ran in a CUDA graph.",
              "",
              Map.of("graph_hit_rate", worker.graphHitRate())));
    }
  }

  /// The sizes beside `given` that save most padding, one after the other; each must save a
  /// hundredth of what is run.
  private static NavigableSet<Long> best(NavigableSet<Long> given, Map<Long, Long> asked) {
    TreeSet<Long> sizes = new TreeSet<>(given);
    TreeSet<Long> chosen = new TreeSet<>();
    List<Long> candidates =
        asked.keySet().stream()
            .filter(tokens -> tokens > 0 && !given.contains(tokens))
            .sorted(Comparator.comparingLong((Long tokens) -> -padding(given, asked, tokens)))
            .limit(MOST_CANDIDATES)
            .toList();
    for (int i = 0; i < MOST_ADDITIONS; i++) {
      double before = overhead(sizes, asked);
      long winner = -1;
      double least = before - 0.01;
      for (long candidate : candidates) {
        if (sizes.add(candidate)) {
          double after = overhead(sizes, asked);
          if (after < least) {
            least = after;
            winner = candidate;
          }
          sizes.remove(candidate);
        }
      }
      if (winner < 0) {
        break;
      }
      sizes.add(winner);
      chosen.add(winner);
    }
    return chosen;
  }

  private static long padding(NavigableSet<Long> sizes, Map<Long, Long> asked, long tokens) {
    Long size = sizes.ceiling(tokens);
    return size == null ? 0 : (size - tokens) * asked.getOrDefault(tokens, 0L);
  }

  /// Σ(pad × count) / Σ(padded × count), for graphs of these sizes.
  private static double overhead(NavigableSet<Long> sizes, Map<Long, Long> asked) {
    double pad = 0;
    double padded = 0;
    for (Map.Entry<Long, Long> entry : asked.entrySet()) {
      Long size = sizes.ceiling(entry.getKey());
      if (size != null) {
        pad += (size - entry.getKey()) * (double) entry.getValue();
        padded += size * (double) entry.getValue();
      }
    }
    return padded == 0 ? 0 : pad / padded;
  }
}
