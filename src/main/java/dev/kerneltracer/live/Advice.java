package dev.kerneltracer.live;

import dev.kerneltracer.report.Amount;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Says what the numbers of a session mean: rules with fixed limits, each of which needs enough to
/// rest on. docs/kv-cache.md and docs/cuda-graphs.md explain them.
public final class Advice {
  /// Below this many steps, finished requests or evictions nothing is said of them.
  static final int LEAST_STEPS = 50;

  static final int LEAST_FINISHED = 20;
  static final int LEAST_EVICTIONS = 20;
  static final int LEAST_PREFIX_TOKENS = 10_000;
  static final int LEAST_ACTIVATIONS = 1_000;

  private static final double SMALL_PEAK = 0.6;
  private static final double GOOD_PEAK = 0.8;
  private static final double HIGH_PEAK = 0.9;
  private static final double HIGH_MEAN = 0.75;
  private static final double ROOM = 1.25;
  private static final long HEALTHY_LIFETIME_NS = 10_000_000_000L;
  private static final long HEALTHY_IDLE_NS = 5_000_000_000L;
  private static final double MUCH_PREEMPTION = 0.01;
  private static final double MUCH_QUEUEING = 0.5;
  private static final double OFTEN = 0.5;
  private static final double MUCH_HOST_TIME = 0.2;
  private static final double LITTLE_REUSE = 0.01;
  private static final double GOOD_REUSE = 0.2;
  private static final double UNEVEN = 2;
  private static final int LENGTH_STEP = 256;

  private final List<Finding> findings = new ArrayList<>();
  private final boolean onCpu;

  private Advice(boolean onCpu) {
    this.onCpu = onCpu;
  }

  /// What is to be said of a session, most useful first within each kind.
  public static List<Finding> of(SessionState state) {
    Advice advice = new Advice(state.workers().stream().anyMatch(WorkerState::isOnCpu));
    for (EngineState engine : state.engines()) {
      String where =
          state.engines().size() == 1 ? "" : "Engine " + engine.dataParallelRank() + ": ";
      advice.cacheSize(engine, where);
      advice.evictions(engine, where);
      advice.preemptions(engine, where);
      advice.queue(engine, where);
      advice.modelLength(engine, where);
      advice.prefixes(engine, where);
      advice.hostTime(engine, where);
    }
    // All ranks of an engine run the same batches.
    for (WorkerState worker : state.workers()) {
      if (worker.rank().equals(Rank.FIRST)) {
        EngineSettings settings =
            state.engines().isEmpty()
                ? EngineSettings.UNKNOWN
                : state.engines().iterator().next().settings();
        advice.findings.addAll(GraphAdvice.of(worker, settings));
        advice.experts(worker);
      }
    }
    advice.findings.sort((a, b) -> a.level().compareTo(b.level()));
    return advice.findings;
  }

  /// How this server gets a larger cache.
  private String moreCache(EngineState engine) {
    if (!onCpu) {
      return "--gpu-memory-utilization 0.95";
    }
    double bytes = engine.kvTotalBlocks() * engine.settings().kvBytesPerBlock();
    return "VLLM_CPU_KVCACHE_SPACE=" + Math.max(1, (long) Math.ceil(2 * bytes / (1L << 30)));
  }

  private void add(
      String id, Finding.Level level, String text, String flag, Map<String, Double> numbers) {
    findings.add(new Finding(id, level, text, flag, numbers));
  }

  private void cacheSize(EngineState engine, String where) {
    if (engine.steps() < LEAST_STEPS || engine.kvTotalBlocks() == 0) {
      return;
    }
    double peak = engine.kvPeakUsage();
    long total = engine.kvTotalBlocks();
    String seen =
        where
            + "the KV cache was at most "
            + Amount.share(peak)
            + " full ("
            + Amount.count(engine.kvPeakBlocks())
            + " of "
            + Amount.count(total)
            + " blocks)";
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("peak_share", peak);
    numbers.put("peak_blocks", (double) engine.kvPeakBlocks());
    numbers.put("total_blocks", (double) total);
    if (peak < SMALL_PEAK) {
      long enough = Math.max(1, (long) Math.ceil(engine.kvPeakBlocks() * ROOM));
      double spare = (total - enough) * engine.settings().kvBytesPerBlock();
      numbers.put("enough_blocks", (double) enough);
      add(
          "kv_cache_too_large",
          Finding.Level.ADVICE,
          seen
              + ": it is larger than this load needs. "
              + Amount.count(enough)
              + " blocks would have left a fifth free"
              + (spare > 0 ? " and given back " + Amount.bytes((long) spare) : "")
              + "; or use the room for more or longer requests.",
          "--num-gpu-blocks-override " + enough,
          numbers);
    } else if (peak > HIGH_PEAK) {
      add(
          "kv_cache_too_small",
          Finding.Level.ADVICE,
          seen
              + ", in the mean "
              + Amount.share(engine.kvMeanUsage())
              + ": requests wait for blocks, or are preempted. Give it more memory, or let fewer"
              + " sequences run at once.",
          moreCache(engine),
          numbers);
    } else if (peak <= GOOD_PEAK) {
      add(
          "kv_cache_size_good",
          Finding.Level.GOOD,
          seen + ": a good size for this load.",
          "",
          numbers);
    } else {
      add(
          "kv_cache_size_tight",
          Finding.Level.NOTE,
          seen + ": it holds this load, with little room for more.",
          "",
          numbers);
    }
  }

  private void evictions(EngineState engine, String where) {
    DurationHistogram lifetimes = engine.evictedLifetimes();
    DurationHistogram idle = engine.evictedIdle();
    if (lifetimes.count() < LEAST_EVICTIONS || idle.count() < LEAST_EVICTIONS) {
      return;
    }
    long lifetimeNs = lifetimes.quantileNs(0.5);
    long idleNs = idle.quantileNs(0.5);
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("evictions", (double) engine.evictions());
    numbers.put("median_lifetime_s", lifetimeNs / 1e9);
    numbers.put("median_idle_s", idleNs / 1e9);
    String seen =
        where
            + Amount.count(engine.evictions())
            + " cached blocks lost their content, half of them within "
            + Amount.time(lifetimeNs)
            + " of being allocated and "
            + Amount.time(idleNs)
            + " of their last use";
    if (lifetimeNs <= HEALTHY_LIFETIME_NS) {
      add(
          "kv_blocks_die_young",
          Finding.Level.ADVICE,
          seen
              + ": content goes before it can be used again (more than 10 s is healthy). A larger"
              + " cache keeps it.",
          moreCache(engine),
          numbers);
    } else if (idleNs >= HEALTHY_IDLE_NS) {
      add(
          "kv_blocks_lie_idle",
          Finding.Level.NOTE,
          seen
              + ": they lay unused for long (less than 5 s is healthy), so what was evicted would"
              + " hardly have been used again; the cache is no bottleneck.",
          "",
          numbers);
    } else {
      add(
          "kv_evictions_healthy",
          Finding.Level.GOOD,
          seen + ": healthy (lifetime above 10 s, idle below 5 s).",
          "",
          numbers);
    }
  }

  private void preemptions(EngineState engine, String where) {
    if (engine.finishedCount() < LEAST_FINISHED) {
      return;
    }
    double rate = engine.preemptionRate();
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("preemptions", (double) engine.preempted());
    numbers.put("finished_requests", (double) engine.finishedCount());
    numbers.put("preemption_rate", rate);
    if (rate <= MUCH_PREEMPTION) {
      if (engine.preempted() == 0) {
        add(
            "no_preemptions",
            Finding.Level.GOOD,
            where + "none of " + Amount.count(engine.finishedCount()) + " requests was preempted.",
            "",
            numbers);
      }
      return;
    }
    double each = engine.blocksPerSequence();
    long fit = each > 0 ? Math.max(1, (long) (0.95 * engine.kvTotalBlocks() / each)) : 0;
    boolean fewer =
        fit > 0
            && (engine.settings().maxSequences() == 0 || fit < engine.settings().maxSequences());
    numbers.put("blocks_per_sequence", each);
    add(
        "many_preemptions",
        Finding.Level.ADVICE,
        where
            + Amount.count(engine.preempted())
            + " preemptions for "
            + Amount.count(engine.finishedCount())
            + " finished requests ("
            + Amount.share(rate)
            + "): each computes its tokens again. A running sequence held "
            + Amount.decimal(each, 1)
            + " blocks in the mean"
            + (fewer
                ? ", so that " + Amount.count(fit) + " fit at once; or give the cache more memory."
                : ": give the cache more memory."),
        fewer ? "--max-num-seqs " + fit : moreCache(engine),
        numbers);
  }

  private void queue(EngineState engine, String where) {
    if (engine.steps() < LEAST_STEPS || engine.queuePressure() <= MUCH_QUEUEING) {
      return;
    }
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("queue_pressure", engine.queuePressure());
    numbers.put("mean_waiting", engine.meanWaiting());
    numbers.put("mean_running", engine.meanRunning());
    numbers.put("steps_at_max_num_seqs", engine.fullSequenceShare());
    numbers.put("steps_at_token_budget", engine.fullBudgetShare());
    String seen =
        where
            + "in the mean "
            + Amount.decimal(engine.meanWaiting(), 1)
            + " requests waited while "
            + Amount.decimal(engine.meanRunning(), 1)
            + " ran (queue pressure "
            + Amount.decimal(engine.queuePressure(), 2)
            + "). ";
    boolean cacheIsFull =
        engine.kvMeanUsage() > HIGH_MEAN
            || (engine.preempted() > 0 && engine.kvPeakUsage() > HIGH_PEAK);
    if (cacheIsFull) {
      add(
          "queue_pressure",
          Finding.Level.ADVICE,
          seen
              + "The KV cache holds them up: it was "
              + Amount.share(engine.kvMeanUsage())
              + " full in the mean.",
          moreCache(engine),
          numbers);
    } else if (engine.fullSequenceShare() > OFTEN) {
      add(
          "queue_pressure",
          Finding.Level.ADVICE,
          seen
              + "The limit of sequences holds them up, in "
              + Amount.share(engine.fullSequenceShare())
              + " of the steps, while the cache has room.",
          "--max-num-seqs " + 2 * Math.max(1, engine.mostRunning()),
          numbers);
    } else if (engine.fullBudgetShare() > OFTEN) {
      add(
          "queue_pressure",
          Finding.Level.ADVICE,
          seen
              + "The token budget of a step holds them up, in "
              + Amount.share(engine.fullBudgetShare())
              + " of the steps.",
          "--max-num-batched-tokens " + 2 * engine.tokenBudget(),
          numbers);
    } else {
      add(
          "queue_pressure",
          Finding.Level.ADVICE,
          seen + "No limit of the server's explains it: it is the load of more than one replica.",
          "",
          numbers);
    }
  }

  private void modelLength(EngineState engine, String where) {
    EngineSettings settings = engine.settings();
    double perToken = settings.kvBytesPerToken();
    long length = settings.maxModelLength();
    long longest = engine.longestSequence();
    if (perToken == 0 || length == 0 || engine.finishedCount() < LEAST_FINISHED || longest == 0) {
      return;
    }
    double cost = length * perToken;
    long fit = engine.kvTotalBlocks() * settings.blockSize() / length;
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("max_model_len", (double) length);
    numbers.put("longest_sequence", (double) longest);
    numbers.put("kv_bytes_per_token", perToken);
    numbers.put("kv_bytes_per_full_sequence", cost);
    numbers.put("kv_bytes_for_max_num_seqs", cost * settings.maxSequences());
    numbers.put("full_sequences_that_fit", (double) fit);
    String seen =
        where
            + "--max-model-len "
            + Amount.count(length)
            + " lets one sequence take "
            + Amount.bytes((long) cost)
            + " of KV cache, "
            + Amount.count(settings.maxSequences())
            + " of them "
            + Amount.bytes((long) (cost * settings.maxSequences()))
            + "; the cache holds "
            + Amount.count(fit)
            + ". The longest request had "
            + Amount.count(longest)
            + " tokens";
    long enough = (long) Math.ceil(longest * ROOM / LENGTH_STEP) * LENGTH_STEP;
    if (longest < length / 2 && enough < length) {
      add(
          "max_model_len_too_long",
          Finding.Level.ADVICE,
          seen
              + ": with "
              + Amount.count(enough)
              + " a sequence takes "
              + Amount.bytes((long) (enough * perToken))
              + " at most, and the scheduler can promise room to more.",
          "--max-model-len " + enough,
          numbers);
    } else {
      add("max_model_len_used", Finding.Level.NOTE, seen + ".", "", numbers);
    }
  }

  private void prefixes(EngineState engine, String where) {
    if (engine.prefixQueryTokens() < LEAST_PREFIX_TOKENS) {
      return;
    }
    double hits = engine.prefixHitShare();
    Map<String, Double> numbers = new LinkedHashMap<>();
    numbers.put("prefix_hit_share", hits);
    numbers.put("prefix_query_tokens", (double) engine.prefixQueryTokens());
    String seen =
        where
            + Amount.share(hits)
            + " of "
            + Amount.count(engine.prefixQueryTokens())
            + " prompt tokens were found in the prefix cache";
    if (hits < LITTLE_REUSE && engine.settings().prefixCaching()) {
      add(
          "prefix_cache_useless",
          Finding.Level.ADVICE,
          seen + ": prompts share nothing, and looking for it costs time in every step.",
          "--no-enable-prefix-caching",
          numbers);
    } else if (hits >= GOOD_REUSE) {
      add("prefix_cache_works", Finding.Level.GOOD, seen + ".", "", numbers);
    }
  }

  private void hostTime(EngineState engine, String where) {
    if (engine.steps() < LEAST_STEPS || engine.hostShare() <= MUCH_HOST_TIME) {
      return;
    }
    // Without requests there is nothing to wait for.
    if (engine.meanRunning() < 1) {
      return;
    }
    boolean async = engine.settings().asyncScheduling();
    add(
        "host_time_between_steps",
        Finding.Level.ADVICE,
        where
            + Amount.share(engine.hostShare())
            + " of the time lay between steps ("
            + Amount.time(engine.hostNs() / Math.max(1, engine.steps()))
            + " each), when the device has nothing to do"
            + (async ? " though scheduling is asynchronous: look at the host's load." : "."),
        async ? "" : "--async-scheduling",
        Map.of("host_share", engine.hostShare()));
  }

  private void experts(WorkerState worker) {
    ExpertLoad worst = null;
    for (ExpertLoad load : worker.experts().values()) {
      if (load.total() >= LEAST_ACTIVATIONS
          && (worst == null || load.maxMeanRatio() > worst.maxMeanRatio())) {
        worst = load;
      }
    }
    if (worst == null) {
      return;
    }
    Map<String, Double> numbers =
        Map.of("layer", (double) worst.layer(), "max_mean_ratio", worst.maxMeanRatio());
    String seen =
        "the busiest expert of layer "
            + worst.layer()
            + " got "
            + Amount.decimal(worst.maxMeanRatio(), 1)
            + " times the mean";
    if (worst.maxMeanRatio() > UNEVEN) {
      add(
          "experts_uneven",
          Finding.Level.ADVICE,
          seen + ": with experts spread over GPUs the others wait for it.",
          "--enable-eplb",
          numbers);
    } else {
      add(
          "experts_even",
          Finding.Level.GOOD,
          seen + ", the most of all layers: an even load.",
          "",
          numbers);
    }
  }
}
