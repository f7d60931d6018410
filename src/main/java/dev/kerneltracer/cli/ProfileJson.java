package dev.kerneltracer.cli;

import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.serve.ServerState;
import dev.kerneltracer.serve.SlowSeconds;
import dev.kerneltracer.serve.VllmServer;
import dev.kerneltracer.serve.WindowAnalysis;
import dev.kerneltracer.serve.WindowResult;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

/// `profile.json`, and what `profile --format json` prints: the server, the windows with their
/// steps, and the slowest seconds. Latencies are in metrics.json.
///
/// @param metrics what metrics.json holds, under `load`; null to leave it out
record ProfileJson(ProfileOutcome outcome, JsonFile.@Nullable Content metrics)
    implements JsonFile.Content {
  @Override
  public void writeTo(JsonGenerator json) {
    json.writeStartObject();
    json.writeStringProperty("model", outcome.model());
    json.writeStringProperty("url", outcome.url());
    server(json);
    if (outcome.failure() == null) {
      json.writeNullProperty("failure");
    } else {
      json.writeStringProperty("failure", outcome.failure());
    }
    json.writeArrayPropertyStart("notes");
    outcome.notes().forEach(json::writeString);
    json.writeEndArray();
    if (metrics != null) {
      json.writeName("load");
      metrics.writeTo(json);
    }
    json.writeArrayPropertyStart("windows");
    for (WindowResult window : outcome.windows()) {
      window(json, window);
    }
    json.writeEndArray();
    json.writeArrayPropertyStart("slowest_seconds");
    for (SlowSeconds.Row row : outcome.slow()) {
      slow(json, row);
    }
    json.writeEndArray();
    json.writeStringProperty("directory", outcome.directory().toString());
    json.writeEndObject();
  }

  private void server(JsonGenerator json) {
    VllmServer.Facts facts = outcome.facts();
    if (facts == null) {
      json.writeNullProperty("server");
      return;
    }
    json.writeObjectPropertyStart("server");
    json.writeStringProperty("vllm", facts.vllm());
    json.writeStringProperty("device", facts.device());
    json.writeBooleanProperty("cuda_graphs", facts.cudaGraphs());
    json.writeBooleanProperty("enforce_eager", facts.eager());
    json.writeBooleanProperty("safe", outcome.safe());
    json.writeStringProperty("profiler", facts.profiler());
    json.writeNumberProperty("profiler_max_iterations", facts.maxIterations());
    json.writeArrayPropertyStart("command");
    facts.command().forEach(json::writeString);
    json.writeEndArray();
    json.writeEndObject();
  }

  private void window(JsonGenerator json, WindowResult window) {
    json.writeStartObject();
    json.writeStringProperty("window", window.window().name());
    if (window.window().phase() != null) {
      json.writeStringProperty("shaped_for", window.window().phase().text());
    }
    json.writeStringProperty("outcome", window.outcome().word());
    json.writeStringProperty("problem", window.problem());
    json.writeNumberProperty("started_ns", window.startedNs());
    json.writeNumberProperty("stop_asked_ns", window.stopAskedNs());
    json.writeNumberProperty("stopped_ns", window.stoppedNs());
    json.writeNumberProperty("steps_counted", window.steps());
    json.writeNumberProperty("running_at_start", window.running());
    WindowAnalysis analysis = outcome.analyses().get(window.window().name());
    if (analysis != null) {
      json.writeNumberProperty("traces", analysis.traces());
      json.writeNumberProperty("steps", analysis.steps());
      json.writeNumberProperty("kernels", analysis.kernels());
      if (window.window().phase() != null) {
        json.writeNumberProperty(
            "share_of_other_phases", analysis.shareOfOthers(window.window().phase().text()));
      }
      json.writeArrayPropertyStart("phases");
      for (WindowAnalysis.PhaseSteps steps : analysis.phases()) {
        json.writeStartObject();
        json.writeStringProperty("phase", steps.phase());
        json.writeNumberProperty("steps", steps.steps());
        json.writeNumberProperty("median_span_ns", steps.spanNs());
        json.writeNumberProperty("median_busy_ns", steps.busyNs());
        json.writeNumberProperty("median_idle_ns", steps.idleNs());
        json.writeNumberProperty("median_kernels", steps.kernels());
        json.writeNumberProperty("median_requests", steps.requests());
        json.writeNumberProperty("context_tokens", steps.contextTokens());
        json.writeNumberProperty("generation_tokens", steps.generationTokens());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeArrayPropertyStart(analysis.ofKernels() ? "top_kernels" : "top_operators");
      for (WindowAnalysis.Cost cost : analysis.costs()) {
        json.writeStartObject();
        json.writeStringProperty("name", cost.name());
        json.writeNumberProperty("calls", cost.calls());
        json.writeNumberProperty("total_ns", cost.totalNs());
        json.writeEndObject();
      }
      json.writeEndArray();
    }
    json.writeEndObject();
  }

  private static void slow(JsonGenerator json, SlowSeconds.Row row) {
    json.writeStartObject();
    json.writeNumberProperty("second", row.second());
    json.writeNumberProperty("mean_ttft_ns", row.meanFirstNs());
    json.writeNumberProperty("mean_itl_ns", row.meanGapNs());
    json.writeNumberProperty("tokens", row.tokens());
    json.writeNumberProperty("failed", row.failed());
    ServerState server = row.server();
    if (server != null) {
      number(json, "running", server.running());
      number(json, "waiting", server.waiting());
      number(json, "kv_cache_usage", server.kvUsage());
    }
    json.writeStringProperty("why", row.cause());
    json.writeEndObject();
  }

  private static void number(JsonGenerator json, String name, double number) {
    if (Double.isNaN(number)) {
      json.writeNullProperty(name);
    } else {
      json.writeNumberProperty(name, number);
    }
  }
}
