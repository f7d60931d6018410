package dev.kerneltracer.live;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/// What a watched server does, in Prometheus' text format 0.0.4. Names and labels are documented in
/// docs/watch.md; the dashboard in docs/ uses them.
///
/// The format is written here, by hand, because all values stand in the session's state already: a
/// metrics library would hold each of them a second time, and its classes would be loaded by every
/// start of the program.
public final class MetricsPage {
  public static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private static final double[] STEP_SECONDS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10
  };
  private static final double[] LIFE_SECONDS = {0.1, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200};

  private final Map<String, StringBuilder> families = new LinkedHashMap<>();

  private MetricsPage() {}

  /// The page of some sessions, each of which is locked while it is read.
  public static String of(Collection<WatchedSession> sessions) {
    MetricsPage page = new MetricsPage();
    for (WatchedSession session : sessions) {
      synchronized (session) {
        page.add(session);
      }
    }
    StringBuilder text = new StringBuilder();
    page.families.values().forEach(text::append);
    return text.toString();
  }

  private void add(WatchedSession session) {
    String name = session.name();
    SessionState state = session.state();
    counter("kerneltracer_events", "Events read from the probe.", state.events(), "session", name);
    counter(
        "kerneltracer_events_lost",
        "Events that the probe dropped or that were gone before they were read.",
        state.lost(),
        "session",
        name);
    counter(
        "kerneltracer_lines_unreadable",
        "Lines of event files that could not be read.",
        session.badLines(),
        "session",
        name);
    for (EngineState engine : state.engines()) {
      String rank = String.valueOf(engine.dataParallelRank());
      engine(engine, state.nowT(), "session", name, "dp_rank", rank);
    }
    for (WorkerState worker : state.workers()) {
      worker(
          worker,
          "session",
          name,
          "dp_rank",
          String.valueOf(worker.rank().dataParallel()),
          "tp_rank",
          String.valueOf(worker.rank().tensorParallel()),
          "pp_rank",
          String.valueOf(worker.rank().pipelineParallel()));
    }
  }

  private void engine(EngineState engine, long nowT, String... labels) {
    gauge(
        "kerneltracer_kv_cache_used_blocks",
        "Blocks of the KV cache in use.",
        engine.kvUsedBlocks(),
        labels);
    gauge(
        "kerneltracer_kv_cache_total_blocks",
        "Blocks of the KV cache.",
        engine.kvTotalBlocks(),
        labels);
    gauge(
        "kerneltracer_kv_cache_usage_ratio",
        "Used over all blocks of the KV cache, 0 to 1.",
        engine.kvUsage(),
        labels);
    gauge(
        "kerneltracer_kv_cache_peak_ratio",
        "The highest use of the KV cache so far, 0 to 1.",
        engine.kvPeakUsage(),
        labels);
    counter(
        "kerneltracer_kv_blocks_allocated",
        "Blocks of the KV cache that were given to requests.",
        engine.blocksAllocated(),
        labels);
    counter(
        "kerneltracer_kv_evictions",
        "Cached blocks that lost their content.",
        engine.evictions(),
        labels);
    histogram(
        "kerneltracer_kv_evicted_lifetime_seconds",
        "From allocation to eviction of a cached block.",
        engine.evictedLifetimes(),
        LIFE_SECONDS,
        labels);
    histogram(
        "kerneltracer_kv_evicted_idle_seconds",
        "From the last use to the eviction of a cached block.",
        engine.evictedIdle(),
        LIFE_SECONDS,
        labels);
    counter(
        "kerneltracer_prefix_query_tokens",
        "Prompt tokens that were looked for in the prefix cache.",
        engine.prefixQueryTokens(),
        labels);
    counter(
        "kerneltracer_prefix_hit_tokens",
        "Prompt tokens that were found in the prefix cache.",
        engine.prefixHitTokens(),
        labels);
    gauge("kerneltracer_requests_running", "Requests that are running.", engine.running(), labels);
    gauge("kerneltracer_requests_waiting", "Requests that are waiting.", engine.waiting(), labels);
    engine
        .finished()
        .forEach((reason, count) ->
            counter(
                "kerneltracer_requests_finished",
                "Requests that have ended, by vLLM's word for it.",
                count,
                with(labels, "reason", reason)));
    engine
        .preemptions()
        .forEach((cause, count) ->
            counter(
                "kerneltracer_preemptions",
                "Requests that had to give up their blocks, by cause.",
                count,
                with(labels, "cause", cause)));
    counter(
        "kerneltracer_scheduled_tokens",
        "Tokens that were scheduled, by phase.",
        engine.prefillTokens(),
        with(labels, "phase", "prefill"));
    counter(
        "kerneltracer_scheduled_tokens",
        "Tokens that were scheduled, by phase.",
        engine.decodeTokens(),
        with(labels, "phase", "decode"));
    gauge(
        "kerneltracer_tokens_per_second",
        "Tokens scheduled a second, mean of the last five, by phase.",
        engine.prefillTokensPerSecond(nowT),
        with(labels, "phase", "prefill"));
    gauge(
        "kerneltracer_tokens_per_second",
        "Tokens scheduled a second, mean of the last five, by phase.",
        engine.decodeTokensPerSecond(nowT),
        with(labels, "phase", "decode"));
    histogram(
        "kerneltracer_step_seconds",
        "Steps of the scheduler, from scheduling to processed output.",
        engine.stepTimes(),
        STEP_SECONDS,
        labels);
    counter(
        "kerneltracer_between_steps_seconds", "Time between steps.", engine.hostNs() / 1e9, labels);
    histogram(
        "kerneltracer_queue_seconds",
        "From a request's arrival to its first step.",
        engine.queueTimes(),
        LIFE_SECONDS,
        labels);
    histogram(
        "kerneltracer_first_token_seconds",
        "From a request's arrival to its first token.",
        engine.firstTokenTimes(),
        LIFE_SECONDS,
        labels);
  }

  private void worker(WorkerState worker, String... labels) {
    worker
        .forwardsByMode()
        .forEach((mode, count) ->
            counter(
                "kerneltracer_forwards",
                "Forwards by how they ran: FULL or PIECEWISE graph, or NONE.",
                count,
                with(labels, "mode", mode)));
    worker
        .eagerByReason()
        .forEach((reason, count) ->
            counter(
                "kerneltracer_eager_forwards",
                "Forwards without a CUDA graph, by reason.",
                count,
                with(labels, "reason", reason)));
    gauge(
        "kerneltracer_graphs_captured",
        "CUDA graphs that are captured, by descriptor.",
        worker.graphs().values().stream().filter(use -> use.capturedT() >= 0).count(),
        labels);
    worker
        .graphs()
        .forEach((key, use) ->
            counter(
                "kerneltracer_graph_forwards",
                "Forwards that a CUDA graph ran, by its descriptor.",
                use.forwards(),
                with(labels, "mode", key.mode(), "descriptor", key.descriptor())));
    counter(
        "kerneltracer_forward_tokens",
        "Tokens that forwards were asked for.",
        worker.askedTokens(),
        labels);
    counter(
        "kerneltracer_padding_tokens",
        "Tokens that forwards ran besides, to fill a CUDA graph.",
        worker.paddedTokens() - worker.askedTokens(),
        labels);
    worker
        .forwardTimes()
        .forEach((phase, times) ->
            histogram(
                "kerneltracer_forward_seconds",
                "Forwards by phase: on the device where that is measured, else in vLLM's"
                    + " execute_model.",
                times,
                STEP_SECONDS,
                with(labels, "phase", phase)));
    worker
        .experts()
        .forEach((layer, load) ->
            gauge(
                "kerneltracer_expert_imbalance_ratio",
                "Activations of a layer's busiest expert over the mean, of sampled forwards.",
                load.maxMeanRatio(),
                with(labels, "layer", String.valueOf(layer))));
  }

  private static String[] with(String[] labels, String... more) {
    String[] all = new String[labels.length + more.length];
    System.arraycopy(labels, 0, all, 0, labels.length);
    System.arraycopy(more, 0, all, labels.length, more.length);
    return all;
  }

  private StringBuilder family(String name, String help, String type) {
    return families.computeIfAbsent(
        name,
        _ ->
            new StringBuilder("# HELP ")
                .append(name)
                .append(' ')
                .append(help)
                .append("\n# TYPE ")
                .append(name)
                .append(' ')
                .append(type)
                .append('\n'));
  }

  private void gauge(String name, String help, double value, String... labels) {
    sample(family(name, help, "gauge"), name, number(value), labels);
  }

  private void gauge(String name, String help, long value, String... labels) {
    sample(family(name, help, "gauge"), name, String.valueOf(value), labels);
  }

  private void counter(String name, String help, double value, String... labels) {
    String total = name + "_total";
    sample(family(total, help, "counter"), total, number(value), labels);
  }

  private void counter(String name, String help, long value, String... labels) {
    String total = name + "_total";
    sample(family(total, help, "counter"), total, String.valueOf(value), labels);
  }

  private void histogram(
      String name, String help, DurationHistogram times, double[] bounds, String... labels) {
    StringBuilder out = family(name, help, "histogram");
    for (double bound : bounds) {
      String below = String.valueOf(times.atMost((long) (bound * 1e9)));
      sample(out, name + "_bucket", below, with(labels, "le", number(bound)));
    }
    String count = String.valueOf(times.count());
    sample(out, name + "_bucket", count, with(labels, "le", "+Inf"));
    sample(out, name + "_sum", number(times.sumNs() / 1e9), labels);
    sample(out, name + "_count", count, labels);
  }

  private static void sample(StringBuilder out, String name, String value, String... labels) {
    out.append(name).append('{');
    for (int i = 0; i < labels.length; i += 2) {
      out.append(i == 0 ? "" : ",").append(labels[i]).append("=\"");
      escape(out, labels[i + 1]);
      out.append('"');
    }
    out.append("} ").append(value).append('\n');
  }

  private static void escape(StringBuilder out, String value) {
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      switch (c) {
        case '\\' -> out.append("\\\\");
        case '"' -> out.append("\\\"");
        case '\n' -> out.append("\\n");
        default -> out.append(c);
      }
    }
  }

  private static String number(double value) {
    if (Double.isInfinite(value)) {
      return value > 0 ? "+Inf" : "-Inf";
    }
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? String.valueOf((long) value)
        : String.valueOf(value);
  }
}
