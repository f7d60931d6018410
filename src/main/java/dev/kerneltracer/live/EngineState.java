package dev.kerneltracer.live;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What one engine (a data parallel rank) has done: its scheduler, its KV cache, its requests. Sums
/// in constant memory, and the requests that are on their way.
public final class EngineState {
  /// More requests than any server has at once: a bound for servers whose requests never end in
  /// what is read.
  private static final int MOST_REQUESTS = 100_000;

  /// How requests and preemptions of one kind are counted by a word of vLLM's.
  private static final int MOST_WORDS = 64;

  private final int dataParallelRank;
  private EngineSettings settings = EngineSettings.UNKNOWN;

  private long steps;
  private long prefillTokens;
  private long decodeTokens;
  private long tokenBudget;
  private long fullBudgetSteps;
  private long fullSequenceSteps;
  private long running;
  private long waiting;
  private long mostRunning;
  private long mostWaiting;
  private long runningSum;
  private long waitingSum;
  private long hostNs;
  private long stepNs;
  private long scheduleNs;
  private long updateNs;
  private final DurationHistogram stepTimes = new DurationHistogram();
  private final RecentSum recentPrefill = new RecentSum();
  private final RecentSum recentDecode = new RecentSum();

  private long kvUsed;
  private long kvTotal;
  private long kvPeak;
  private double kvShareSum;
  private long kvSamples;
  private long kvUsedSum;
  private long blocksAllocated;
  private long prefixQueryTokens;
  private long prefixHitTokens;
  private long evictions;
  private final DurationHistogram evictedLifetimes = new DurationHistogram();
  private final DurationHistogram evictedIdle = new DurationHistogram();
  private final RecentSum recentEvictions = new RecentSum();

  private final Map<String, Long> preemptions = new TreeMap<>();
  private long preempted;
  private final Map<String, Long> finished = new TreeMap<>();
  private long finishedCount;
  private long longestSequence;
  private final DurationHistogram queueTimes = new DurationHistogram();
  private final DurationHistogram firstTokenTimes = new DurationHistogram();
  private final Map<String, RequestState> requests = new LinkedHashMap<>();

  EngineState(int dataParallelRank) {
    this.dataParallelRank = dataParallelRank;
  }

  void engine(Event event) {
    settings = EngineSettings.of(event);
    kvTotal = event.number("kv_total_blocks", kvTotal);
  }

  /// Takes in an event of the engine's.
  ///
  /// @return the request that ended with it; null for all other events
  @Nullable RequestState take(Event event) {
    switch (event.name()) {
      case "step" -> step(event);
      case "evict" -> evict(event);
      case "preempt" -> preempt(event);
      default -> {
        return request(event);
      }
    }
    return null;
  }

  private void step(Event event) {
    steps++;
    long t = event.t();
    long prefill = event.number("prefill_tokens");
    long decode = event.number("decode_tokens");
    prefillTokens += prefill;
    decodeTokens += decode;
    recentPrefill.add(t, prefill);
    recentDecode.add(t, decode);
    tokenBudget = event.number("token_budget", tokenBudget);
    fullBudgetSteps += tokenBudget > 0 && prefill + decode >= 0.98 * tokenBudget ? 1 : 0;
    running = event.number("running");
    waiting = event.number("waiting");
    long most = event.number("max_num_seqs", settings.maxSequences());
    fullSequenceSteps += most > 0 && running >= most ? 1 : 0;
    mostRunning = Math.max(mostRunning, running);
    mostWaiting = Math.max(mostWaiting, waiting);
    runningSum += running;
    waitingSum += waiting;
    hostNs += event.number("host_ns");
    long ns = event.number("step_ns");
    stepNs += ns;
    stepTimes.add(ns);
    scheduleNs += event.number("schedule_ns");
    updateNs += event.number("update_ns");
    blocksAllocated += event.number("blocks_allocated");
    prefixQueryTokens += event.number("prefix_query_tokens");
    prefixHitTokens += event.number("prefix_hit_tokens");
    if (event.has("kv_used_blocks")) {
      cache(event.number("kv_used_blocks"), event.number("kv_total_blocks", kvTotal));
    }
  }

  private void cache(long used, long total) {
    kvUsed = used;
    kvTotal = total;
    kvPeak = Math.max(kvPeak, used);
    kvUsedSum += used;
    kvShareSum += total > 0 ? (double) used / total : 0;
    kvSamples++;
  }

  private void evict(Event event) {
    evictions++;
    recentEvictions.add(event.t(), 1);
    if (event.has("lifetime_ns")) {
      evictedLifetimes.add(event.number("lifetime_ns"));
    }
    if (event.has("idle_ns")) {
      evictedIdle.add(event.number("idle_ns"));
    }
  }

  private void preempt(Event event) {
    preempted++;
    count(preemptions, event.text("cause", "other"));
    if (event.has("kv_used_blocks")) {
      kvPeak = Math.max(kvPeak, event.number("kv_used_blocks"));
    }
  }

  private @Nullable RequestState request(Event event) {
    String id = event.text("request", "");
    RequestState request = requests.get(id);
    if (request == null) {
      if (requests.size() >= MOST_REQUESTS) {
        requests.remove(requests.keySet().iterator().next());
      }
      request = new RequestState();
      requests.put(id, request);
    }
    request.take(event);
    switch (event.text("state", "")) {
      case "scheduled" -> {
        if (request.queuedT >= 0 && request.scheduledT == event.t()) {
          queueTimes.add(event.t() - request.queuedT);
        }
      }
      case "first_token" -> {
        if (request.queuedT >= 0) {
          firstTokenTimes.add(event.t() - request.queuedT);
        }
      }
      case "finished" -> {
        requests.remove(id);
        finishedCount++;
        count(finished, request.reason);
        longestSequence = Math.max(longestSequence, request.promptTokens + request.outputTokens);
        return request;
      }
      default -> {
        // Nothing to sum up.
      }
    }
    return null;
  }

  private static void count(Map<String, Long> counts, String word) {
    String key = counts.size() < MOST_WORDS || counts.containsKey(word) ? word : "other";
    counts.merge(key, 1L, Long::sum);
  }

  public int dataParallelRank() {
    return dataParallelRank;
  }

  public EngineSettings settings() {
    return settings;
  }

  public long steps() {
    return steps;
  }

  public long prefillTokens() {
    return prefillTokens;
  }

  public long decodeTokens() {
    return decodeTokens;
  }

  public double prefillTokensPerSecond(long nowT) {
    return recentPrefill.perSecond(nowT);
  }

  public double decodeTokensPerSecond(long nowT) {
    return recentDecode.perSecond(nowT);
  }

  public double evictionsPerSecond(long nowT) {
    return recentEvictions.perSecond(nowT);
  }

  public long tokenBudget() {
    return tokenBudget;
  }

  /// Share of steps that used at least 98 % of the token budget.
  public double fullBudgetShare() {
    return steps == 0 ? 0 : (double) fullBudgetSteps / steps;
  }

  /// Share of steps with as many running sequences as `--max-num-seqs` lets.
  public double fullSequenceShare() {
    return steps == 0 ? 0 : (double) fullSequenceSteps / steps;
  }

  public long running() {
    return running;
  }

  public long waiting() {
    return waiting;
  }

  public long mostRunning() {
    return mostRunning;
  }

  public long mostWaiting() {
    return mostWaiting;
  }

  public double meanRunning() {
    return steps == 0 ? 0 : (double) runningSum / steps;
  }

  public double meanWaiting() {
    return steps == 0 ? 0 : (double) waitingSum / steps;
  }

  /// Waiting over running requests, over all steps.
  public double queuePressure() {
    return runningSum == 0 ? 0 : (double) waitingSum / runningSum;
  }

  /// Time between steps, in which the device waits for the host, of all the time.
  public double hostShare() {
    return hostNs + stepNs == 0 ? 0 : (double) hostNs / (hostNs + stepNs);
  }

  public long hostNs() {
    return hostNs;
  }

  public long scheduleNs() {
    return scheduleNs;
  }

  public long updateNs() {
    return updateNs;
  }

  public DurationHistogram stepTimes() {
    return stepTimes;
  }

  public long kvUsedBlocks() {
    return kvUsed;
  }

  public long kvTotalBlocks() {
    return kvTotal;
  }

  public long kvPeakBlocks() {
    return kvPeak;
  }

  public double kvUsage() {
    return kvTotal == 0 ? 0 : (double) kvUsed / kvTotal;
  }

  public double kvPeakUsage() {
    return kvTotal == 0 ? 0 : (double) kvPeak / kvTotal;
  }

  public double kvMeanUsage() {
    return kvSamples == 0 ? 0 : kvShareSum / kvSamples;
  }

  /// Blocks that a running sequence holds in the mean; 0 where none ran.
  public double blocksPerSequence() {
    return runningSum == 0 ? 0 : (double) kvUsedSum / runningSum;
  }

  public long blocksAllocated() {
    return blocksAllocated;
  }

  public long prefixQueryTokens() {
    return prefixQueryTokens;
  }

  public long prefixHitTokens() {
    return prefixHitTokens;
  }

  public double prefixHitShare() {
    return prefixQueryTokens == 0 ? 0 : (double) prefixHitTokens / prefixQueryTokens;
  }

  public long evictions() {
    return evictions;
  }

  public DurationHistogram evictedLifetimes() {
    return evictedLifetimes;
  }

  public DurationHistogram evictedIdle() {
    return evictedIdle;
  }

  public long preempted() {
    return preempted;
  }

  public Map<String, Long> preemptions() {
    return preemptions;
  }

  public long finishedCount() {
    return finishedCount;
  }

  public Map<String, Long> finished() {
    return finished;
  }

  /// Preemptions for each finished request.
  public double preemptionRate() {
    return finishedCount == 0 ? 0 : (double) preempted / finishedCount;
  }

  /// Prompt and output tokens of the longest finished request.
  public long longestSequence() {
    return longestSequence;
  }

  public DurationHistogram queueTimes() {
    return queueTimes;
  }

  public DurationHistogram firstTokenTimes() {
    return firstTokenTimes;
  }

  /// Requests on their way, by their name.
  Map<String, RequestState> requests() {
    return requests;
  }
}
