package dev.kerneltracer.live;

import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;

/// The closing summary of a session for programs.
public final class SessionJson {
  private SessionJson() {}

  /// Writes one object.
  public static void write(JsonGenerator json, WatchedSession session) {
    SessionState state = session.state();
    json.writeStartObject();
    json.writeStringProperty("session", session.name());
    json.writeStringProperty("directory", session.directory().toString());
    json.writeBooleanProperty("tables_written", session.writesTables());
    json.writeNumberProperty("events", state.events());
    json.writeNumberProperty("span_ns", state.spanNs());
    trust(json, session);
    json.writeArrayPropertyStart("engines");
    state.engines().forEach(engine -> engine(json, engine));
    json.writeEndArray();
    json.writeArrayPropertyStart("workers");
    state.workers().forEach(worker -> worker(json, worker));
    json.writeEndArray();
    findings(json, Advice.of(state));
    json.writeEndObject();
  }

  private static void trust(JsonGenerator json, WatchedSession session) {
    json.writeObjectPropertyStart("trust");
    json.writeNumberProperty("events_lost", session.state().lost());
    json.writeNumberProperty("lines_unreadable", session.badLines());
    json.writeNumberProperty("files_cut", session.cutFiles());
    json.writeArrayPropertyStart("problems");
    session.problems().forEach(json::writeString);
    json.writeEndArray();
    json.writeArrayPropertyStart("processes");
    for (ProcessState process : session.state().processes()) {
      json.writeStartObject();
      json.writeNumberProperty("pid", process.pid());
      json.writeStringProperty("name", process.name());
      json.writeStringProperty("vllm", process.vllm());
      json.writeBooleanProperty("ended_in_order", process.saidBye());
      json.writeArrayPropertyStart("missing_hooks");
      process.missingHooks().forEach(json::writeString);
      json.writeEndArray();
      json.writeStringProperty("problem", process.problem());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void engine(JsonGenerator json, EngineState engine) {
    EngineSettings settings = engine.settings();
    json.writeStartObject();
    json.writeNumberProperty("dp_rank", engine.dataParallelRank());
    json.writeStringProperty("model", settings.model());
    json.writeNumberProperty("steps", engine.steps());
    json.writeNumberProperty("prefill_tokens", engine.prefillTokens());
    json.writeNumberProperty("decode_tokens", engine.decodeTokens());
    json.writeNumberProperty("kv_total_blocks", engine.kvTotalBlocks());
    json.writeNumberProperty("kv_peak_blocks", engine.kvPeakBlocks());
    json.writeNumberProperty("kv_peak_share", engine.kvPeakUsage());
    json.writeNumberProperty("kv_mean_share", engine.kvMeanUsage());
    json.writeNumberProperty("kv_bytes_per_token", settings.kvBytesPerToken());
    json.writeNumberProperty("blocks_allocated", engine.blocksAllocated());
    json.writeNumberProperty("evictions", engine.evictions());
    json.writeNumberProperty("prefix_query_tokens", engine.prefixQueryTokens());
    json.writeNumberProperty("prefix_hit_tokens", engine.prefixHitTokens());
    json.writeNumberProperty("preemptions", engine.preempted());
    counts(json, "preemption_causes", engine.preemptions());
    json.writeNumberProperty("finished_requests", engine.finishedCount());
    counts(json, "finish_reasons", engine.finished());
    json.writeNumberProperty("preemption_rate", engine.preemptionRate());
    json.writeNumberProperty("queue_pressure", engine.queuePressure());
    json.writeNumberProperty("most_running", engine.mostRunning());
    json.writeNumberProperty("most_waiting", engine.mostWaiting());
    json.writeNumberProperty("longest_sequence", engine.longestSequence());
    json.writeNumberProperty("host_share", engine.hostShare());
    times(json, "step_ns", engine.stepTimes());
    times(json, "queue_ns", engine.queueTimes());
    times(json, "first_token_ns", engine.firstTokenTimes());
    times(json, "evicted_lifetime_ns", engine.evictedLifetimes());
    times(json, "evicted_idle_ns", engine.evictedIdle());
    json.writeEndObject();
  }

  private static void worker(JsonGenerator json, WorkerState worker) {
    json.writeStartObject();
    json.writeNumberProperty("dp_rank", worker.rank().dataParallel());
    json.writeNumberProperty("tp_rank", worker.rank().tensorParallel());
    json.writeNumberProperty("pp_rank", worker.rank().pipelineParallel());
    json.writeStringProperty("runner", worker.runner());
    json.writeNumberProperty("forwards", worker.forwards());
    counts(json, "forwards_by_mode", worker.forwardsByMode());
    counts(json, "eager_reasons", worker.eagerByReason());
    json.writeNumberProperty("graph_hit_rate", worker.graphHitRate());
    json.writeNumberProperty("padding_overhead", worker.paddingOverhead());
    json.writeArrayPropertyStart("graphs");
    worker
        .graphs()
        .forEach((key, use) -> {
          json.writeStartObject();
          json.writeStringProperty("descriptor", key.descriptor());
          json.writeNumberProperty("forwards", use.forwards());
          json.writeNumberProperty("padding_tokens", use.paddingTokens());
          json.writeNumberProperty("capture_seconds", use.captureSeconds());
          json.writeEndObject();
        });
    json.writeEndArray();
    json.writeObjectPropertyStart("forward_ns");
    worker.forwardTimes().forEach((phase, forwards) -> times(json, phase, forwards));
    json.writeEndObject();
    json.writeArrayPropertyStart("experts");
    for (ExpertLoad load : worker.experts().values()) {
      json.writeStartObject();
      json.writeNumberProperty("layer", load.layer());
      json.writeNumberProperty("activations", load.total());
      json.writeNumberProperty("max_mean_ratio", load.maxMeanRatio());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void findings(JsonGenerator json, List<Finding> findings) {
    json.writeArrayPropertyStart("findings");
    for (Finding finding : findings) {
      json.writeStartObject();
      json.writeStringProperty("id", finding.id());
      json.writeStringProperty("level", finding.level().name().toLowerCase(java.util.Locale.ROOT));
      json.writeStringProperty("text", finding.text());
      json.writeStringProperty("flag", finding.flag());
      json.writeObjectPropertyStart("numbers");
      finding.numbers().forEach(json::writeNumberProperty);
      json.writeEndObject();
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void counts(JsonGenerator json, String name, Map<String, Long> counts) {
    json.writeObjectPropertyStart(name);
    counts.forEach(json::writeNumberProperty);
    json.writeEndObject();
  }

  private static void times(JsonGenerator json, String name, DurationHistogram times) {
    json.writeObjectPropertyStart(name);
    json.writeNumberProperty("count", times.count());
    json.writeNumberProperty("mean", times.meanNs());
    json.writeNumberProperty("p50", times.quantileNs(0.5));
    json.writeNumberProperty("p95", times.quantileNs(0.95));
    json.writeNumberProperty("p99", times.quantileNs(0.99));
    json.writeNumberProperty("max", times.maxNs());
    json.writeEndObject();
  }
}
