package dev.kerneltracer.report;

import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.Totals;
import dev.kerneltracer.analysis.TraceSummary;
import dev.kerneltracer.trace.Damage;
import dev.kerneltracer.trace.Trust;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

/// `summary.json`, also what `analyze --format json` prints: totals of all traces, the same of each
/// trace under `files`, and how far they can be trusted. Sums of times of several traces are sums,
/// never spans across the clocks of different hosts.
public final class SummaryJson implements JsonFile.Content {
  private final Analysis analysis;
  private final KernelTable kernels;
  private final List<String> problems;
  private final int top;

  /// The summary of all traces.
  ///
  /// @param kernels in the order of `top_kernels`
  /// @param problems inputs that could not be read, in words
  /// @param top how many kernels are listed
  public SummaryJson(Analysis analysis, KernelTable kernels, List<String> problems, int top) {
    this.analysis = analysis;
    this.kernels = kernels;
    this.problems = List.copyOf(problems);
    this.top = top;
  }

  @Override
  public void writeTo(JsonGenerator json) {
    List<TraceSummary> traces = analysis.traces();
    json.writeStartObject();
    json.writeName("files");
    json.writeStartArray();
    traces.forEach(trace -> writeFile(json, trace));
    json.writeEndArray();
    json.writeName("ranks");
    json.writeStartArray();
    analysis.ranks().forEach(rank -> json.writeNumber((int) rank));
    json.writeEndArray();
    if (!analysis.filter().isEmpty()) {
      json.writeStringProperty("filter", analysis.filter().text());
    }
    json.writeNumberProperty("events", sum(traces, Totals::events));
    json.writeNumberProperty("kernels", sum(traces, Totals::kernels));
    json.writeNumberProperty("kernel_time_ns", kernels.totalNs());
    json.writeNumberProperty("distinct_kernels", kernels.rows().size());
    json.writeNumberProperty("memcpys", sum(traces, Totals::memcpys));
    json.writeNumberProperty("memcpy_time_ns", sum(traces, Totals::memcpyTimeNs));
    json.writeNumberProperty("memsets", sum(traces, Totals::memsets));
    json.writeNumberProperty("memset_time_ns", sum(traces, Totals::memsetTimeNs));
    writeTimes(
        json, sum(traces, Totals::busySumNs), analysis.busyNs(), sum(traces, Totals::spanNs));
    json.writeNumberProperty("operator_calls", sum(traces, Totals::operatorCalls));
    json.writeNumberProperty("launches", sum(traces, Totals::launches));
    json.writeName("idle_ns_by_cause");
    json.writeStartObject();
    analysis.idleNs().forEach((cause, ns) -> json.writeNumberProperty(cause.text(), ns));
    json.writeEndObject();
    writeSteps(json, traces.stream().flatMap(trace -> trace.steps().stream()).toList());
    json.writeName("top_kernels");
    json.writeStartArray();
    for (KernelTable.Row row : kernels.rows().subList(0, Math.min(top, kernels.rows().size()))) {
      json.writeStartObject();
      json.writeStringProperty("kernel", row.kernel());
      json.writeNumberProperty("calls", row.calls());
      json.writeNumberProperty("total_ns", row.totalNs());
      json.writeEndObject();
    }
    json.writeEndArray();
    writeTrust(json, traces);
    json.writeEndObject();
  }

  private static long sum(List<TraceSummary> traces, ToLongFunction<Totals> value) {
    return traces.stream().map(TraceSummary::totals).mapToLong(value).sum();
  }

  private static void writeFile(JsonGenerator json, TraceSummary trace) {
    Totals totals = trace.totals();
    json.writeStartObject();
    json.writeStringProperty("file", trace.file());
    json.writeName("rank");
    writeOptional(json, trace.rank().orElse(-1));
    json.writeName("world_size");
    writeOptional(json, trace.worldSize().orElse(-1));
    json.writeName("devices");
    json.writeStartArray();
    trace.deviceNames().forEach(json::writeString);
    json.writeEndArray();
    json.writeNumberProperty("events", totals.events());
    json.writeNumberProperty("kernels", totals.kernels());
    json.writeNumberProperty("kernel_time_ns", totals.kernelTimeNs());
    json.writeNumberProperty("distinct_kernels", totals.distinctKernels());
    json.writeNumberProperty("memcpys", totals.memcpys());
    json.writeNumberProperty("memcpy_time_ns", totals.memcpyTimeNs());
    json.writeNumberProperty("memsets", totals.memsets());
    json.writeNumberProperty("memset_time_ns", totals.memsetTimeNs());
    writeTimes(json, totals.busySumNs(), totals.busyNs(), totals.spanNs());
    json.writeNumberProperty("operator_calls", totals.operatorCalls());
    json.writeNumberProperty("launches", totals.launches());
    writeSteps(json, trace.steps());
    writeTrust(json, trace);
    json.writeEndObject();
  }

  private static void writeOptional(JsonGenerator json, int number) {
    if (number < 0) {
      json.writeNull();
    } else {
      json.writeNumber(number);
    }
  }

  private static void writeTimes(
      JsonGenerator json, long busySumNs, Map<String, Long> busyNs, long spanNs) {
    json.writeNumberProperty("busy_ns", busySumNs);
    json.writeName("busy_ns_by_device");
    json.writeStartObject();
    busyNs.forEach(json::writeNumberProperty);
    json.writeEndObject();
    json.writeNumberProperty("span_ns", spanNs);
  }

  private static void writeSteps(JsonGenerator json, List<Steps.Row> steps) {
    Map<String, Integer> byPhase = new TreeMap<>();
    steps.forEach(step -> byPhase.merge(step.phase().text(), 1, Integer::sum));
    json.writeNumberProperty("steps", steps.size());
    json.writeName("steps_by_phase");
    json.writeStartObject();
    byPhase.forEach(json::writeNumberProperty);
    json.writeEndObject();
  }

  private static void writeTrust(JsonGenerator json, TraceSummary trace) {
    Trust trust = trace.trust();
    json.writeName("trust");
    json.writeStartObject();
    json.writeBooleanProperty("complete", trust.complete());
    json.writeNumberProperty("events_read", trust.eventsRead());
    json.writeNumberProperty("bytes_read", trust.bytesRead());
    json.writeNumberProperty("bytes_skipped", trust.bytesSkipped());
    json.writeNumberProperty("damage_count", trust.damageCount());
    json.writeName("damage");
    json.writeStartArray();
    trust.damage().forEach(damage -> writeDamage(json, damage, null));
    json.writeEndArray();
    writeJoined(json, List.of(trace));
    writeWarnings(json, Warnings.of(trace));
    json.writeEndObject();
  }

  private void writeTrust(JsonGenerator json, List<TraceSummary> traces) {
    json.writeName("trust");
    json.writeStartObject();
    json.writeBooleanProperty(
        "complete",
        problems.isEmpty() && traces.stream().allMatch(trace -> trace.trust().complete()));
    json.writeNumberProperty("events_read", trusted(traces, Trust::eventsRead));
    json.writeNumberProperty("bytes_read", trusted(traces, Trust::bytesRead));
    json.writeNumberProperty("bytes_skipped", trusted(traces, Trust::bytesSkipped));
    json.writeNumberProperty("damage_count", trusted(traces, Trust::damageCount));
    json.writeName("damage");
    json.writeStartArray();
    for (TraceSummary trace : traces) {
      String file = traces.size() == 1 ? null : trace.file();
      trace.trust().damage().forEach(damage -> writeDamage(json, damage, file));
    }
    json.writeEndArray();
    writeJoined(json, traces);
    writeWarnings(json, Warnings.of(traces, problems));
    json.writeEndObject();
  }

  private static long trusted(List<TraceSummary> traces, ToLongFunction<Trust> value) {
    return traces.stream().map(TraceSummary::trust).mapToLong(value).sum();
  }

  private static void writeDamage(JsonGenerator json, Damage damage, @Nullable String file) {
    json.writeStartObject();
    if (file != null) {
      json.writeStringProperty("file", file);
    }
    json.writeNumberProperty("offset", damage.offset());
    json.writeStringProperty("kind", damage.kind().name().toLowerCase(Locale.ROOT));
    json.writeEndObject();
  }

  private static void writeJoined(JsonGenerator json, List<TraceSummary> traces) {
    json.writeNumberProperty(
        "kernels_joined_to_launch", sum(traces, Totals::kernelsJoinedToLaunch));
    json.writeNumberProperty(
        "kernels_joined_to_operator", sum(traces, Totals::kernelsJoinedToOperator));
    json.writeNumberProperty(
        "kernels_joined_to_module", sum(traces, Totals::kernelsJoinedToModule));
  }

  private static void writeWarnings(JsonGenerator json, List<String> warnings) {
    json.writeName("warnings");
    json.writeStartArray();
    warnings.forEach(json::writeString);
    json.writeEndArray();
  }
}
