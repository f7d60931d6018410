package dev.kerneltracer.live;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/// What one worker has run: its CUDA graphs, its forwards, its experts.
public final class WorkerState {
  /// A bound for descriptors and sizes, of which a server has some hundreds at most.
  private static final int MOST_GRAPHS = 10_000;

  private final Rank rank;
  private String runner = "";
  private String device = "";
  private final Map<GraphKey, GraphUse> graphs = new LinkedHashMap<>();
  private final Map<String, Long> forwardsByMode = new TreeMap<>();
  private final Map<String, Long> eagerByReason = new TreeMap<>();
  private final Map<Long, Long> graphSizes = new TreeMap<>();
  private final Map<Long, Long> eagerDecodeSizes = new TreeMap<>();
  private final Map<String, DurationHistogram> forwardTimes = new TreeMap<>();
  private final Map<Long, ExpertLoad> experts = new TreeMap<>();
  private long forwards;
  private long graphForwards;
  private long askedTokens;
  private long paddedTokens;
  private long paddingOfGraphs;
  private long tokensOfGraphs;
  private long graphsChanged;

  WorkerState(Rank rank) {
    this.rank = rank;
  }

  void worker(Event event) {
    runner = event.text("runner", "") + " " + event.text("runner_version", "");
    device = event.text("device", "");
  }

  void take(Event event) {
    switch (event.name()) {
      case "capture" -> capture(event);
      case "forward" -> forward(event);
      default -> moe(event);
    }
  }

  private void capture(Event event) {
    GraphUse use = graph(GraphKey.of(event));
    use.captured(event);
    graphsChanged++;
  }

  private void forward(Event event) {
    forwards++;
    String mode = event.text("mode", "NONE");
    forwardsByMode.merge(mode, 1L, Long::sum);
    long tokens = event.number("tokens");
    long padded = Math.max(tokens, event.number("padded_tokens", tokens));
    askedTokens += tokens;
    paddedTokens += padded;
    if (mode.equals("NONE")) {
      eagerByReason.merge(event.text("eager_reason", "unknown"), 1L, Long::sum);
      if (event.text("phase", "").equals("decode")) {
        countSize(eagerDecodeSizes, tokens);
      }
    } else {
      graphForwards++;
      paddingOfGraphs += padded - tokens;
      tokensOfGraphs += padded;
      countSize(graphSizes, tokens);
      graph(GraphKey.of(event)).replayed(event);
      graphsChanged++;
    }
    forwardTimes
        .computeIfAbsent(event.text("phase", "unknown"), _ -> new DurationHistogram())
        .add(timeNs(event));
  }

  /// The time of a forward: on the device where that was measured, else in `execute_model`.
  static long timeNs(Event forward) {
    return forward.number("device_ns", forward.number("host_ns"));
  }

  private GraphUse graph(GraphKey key) {
    GraphUse known = graphs.get(key);
    if (known != null) {
      return known;
    }
    if (graphs.size() >= MOST_GRAPHS) {
      return new GraphUse();
    }
    GraphUse use = new GraphUse();
    graphs.put(key, use);
    return use;
  }

  private static void countSize(Map<Long, Long> sizes, long tokens) {
    if (sizes.size() < MOST_GRAPHS || sizes.containsKey(tokens)) {
      sizes.merge(tokens, 1L, Long::sum);
    }
  }

  private void moe(Event event) {
    long layer = layer(event);
    ExpertLoad load = experts.computeIfAbsent(layer, _ -> new ExpertLoad((int) layer));
    load.add(event.numbers("counts"));
  }

  static long layer(Event moe) {
    return Math.clamp(moe.number("layer_index"), 0, MOST_GRAPHS);
  }

  public Rank rank() {
    return rank;
  }

  public String runner() {
    return runner.strip();
  }

  /// A CPU has no CUDA graphs, and its KV cache is set otherwise.
  boolean isOnCpu() {
    return device.equals("cpu");
  }

  /// In the order in which they were captured.
  public Map<GraphKey, GraphUse> graphs() {
    return graphs;
  }

  /// Grows with every change of a graph's numbers.
  long graphsChanged() {
    return graphsChanged;
  }

  public long forwards() {
    return forwards;
  }

  public Map<String, Long> forwardsByMode() {
    return forwardsByMode;
  }

  public long graphForwards() {
    return graphForwards;
  }

  /// Share of forwards that ran in a CUDA graph.
  public double graphHitRate() {
    return forwards == 0 ? 0 : (double) graphForwards / forwards;
  }

  public Map<String, Long> eagerByReason() {
    return eagerByReason;
  }

  /// Forwards in graphs by the tokens that were asked for.
  Map<Long, Long> graphSizes() {
    return graphSizes;
  }

  /// Decode forwards without a graph by their tokens.
  Map<Long, Long> eagerDecodeSizes() {
    return eagerDecodeSizes;
  }

  public Map<String, DurationHistogram> forwardTimes() {
    return forwardTimes;
  }

  public long askedTokens() {
    return askedTokens;
  }

  public long paddedTokens() {
    return paddedTokens;
  }

  /// Σ(pad × count) / Σ(padded × count) over the forwards that ran in graphs.
  public double paddingOverhead() {
    return tokensOfGraphs == 0 ? 0 : (double) paddingOfGraphs / tokensOfGraphs;
  }

  public long paddingOfGraphs() {
    return paddingOfGraphs;
  }

  /// Layers with experts, by their index.
  public Map<Long, ExpertLoad> experts() {
    return experts;
  }
}
