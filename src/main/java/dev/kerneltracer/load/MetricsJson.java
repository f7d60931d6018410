package dev.kerneltracer.load;

import dev.kerneltracer.load.Distribution.Statistic;
import java.util.List;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/// `metrics.json`: docs/load.md has every key.
public final class MetricsJson {
  private MetricsJson() {}

  /// Writes what a run measured as the fields of an object that has been begun.
  ///
  /// @param goal may be none
  public static void writeFields(
      JsonGenerator json, LoadPlan plan, LoadMetrics metrics, Goal goal) {
    json.writeNumberProperty("seed", plan.seed());
    json.writeStringProperty(
        "pace",
        switch (plan.pace()) {
          case LoadPlan.Pace.Open _ -> "open";
          case LoadPlan.Pace.Closed _ -> "closed";
        });
    if (plan.pace() instanceof LoadPlan.Pace.Closed closed) {
      json.writeNumberProperty("concurrency", closed.concurrency());
    }
    json.writeNumberProperty("planned", metrics.planned());
    json.writeBooleanProperty("interrupted", metrics.interrupted());
    json.writeNumberProperty("duration_s", metrics.whole().spanNs() / 1e9);
    json.writeBooleanProperty("trustworthy", metrics.isTrustworthy());
    strings(json, "doubts", metrics.doubts());
    distribution(json, "client_lateness_ms", metrics.lateness());
    if (!goal.isNone()) {
      goal(json, metrics, goal);
    }
    json.writeName("whole");
    of(json, metrics.whole(), goal);
    json.writeObjectPropertyStart("classes");
    metrics
        .classes()
        .forEach((name, each) -> {
          json.writeName(name);
          of(json, each, goal);
        });
    json.writeEndObject();
  }

  private static void goal(JsonGenerator json, LoadMetrics metrics, Goal goal) {
    List<Goal.Outcome> outcomes = goal.outcomes(metrics);
    json.writeObjectPropertyStart("goal");
    json.writeBooleanProperty("met", outcomes.stream().allMatch(Goal.Outcome::met));
    json.writeArrayPropertyStart("conditions");
    for (Goal.Outcome outcome : outcomes) {
      json.writeStartObject();
      json.writeStringProperty("condition", outcome.text());
      json.writeName("actual");
      if (Double.isNaN(outcome.actual())) {
        json.writeNull();
      } else {
        // A share as it is, a time in milliseconds, as the condition's text has it.
        json.writeNumber(outcome.isShare() ? outcome.actual() : outcome.actual() / 1e6);
      }
      json.writeBooleanProperty("met", outcome.met());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void of(JsonGenerator json, ClassMetrics metrics, Goal goal) {
    json.writeStartObject();
    json.writeNumberProperty("sent", metrics.sent());
    json.writeNumberProperty("completed", metrics.completed());
    json.writeObjectPropertyStart("failed");
    metrics.failed().forEach(json::writeNumberProperty);
    json.writeEndObject();
    json.writeNumberProperty("success_share", metrics.successShare());
    json.writeNumberProperty("requests_per_s", metrics.requestsPerS());
    json.writeNumberProperty("tokens_per_s", metrics.tokensPerS());
    json.writeNumberProperty("total_tokens_per_s", metrics.totalTokensPerS());
    json.writeNumberProperty("prompt_tokens", metrics.promptTokens());
    json.writeNumberProperty("output_tokens", metrics.outputTokens());
    if (!goal.isNone()) {
      json.writeNumberProperty("good", metrics.good());
      json.writeNumberProperty("goodput_requests_per_s", metrics.goodRequestsPerS());
    }
    fromBoth(json, "ttft_ms", metrics.ttft(), metrics.ttftFromSend());
    distribution(json, "tpot_ms", metrics.tpot());
    distribution(json, "itl_ms", metrics.itl());
    fromBoth(json, "end_to_end_ms", metrics.endToEnd(), metrics.endToEndFromSend());
    json.writeEndObject();
  }

  private static void fromBoth(
      JsonGenerator json, String name, Distribution intended, Distribution actual) {
    json.writeObjectPropertyStart(name);
    distribution(json, "from_intended_start", intended);
    distribution(json, "from_actual_start", actual);
    json.writeEndObject();
  }

  private static void distribution(JsonGenerator json, String name, Distribution times) {
    json.writeObjectPropertyStart(name);
    json.writeNumberProperty("count", times.count());
    for (Statistic statistic : Statistic.values()) {
      String key = statistic.name().toLowerCase(Locale.ROOT);
      if (times.count() == 0) {
        json.writeNullProperty(key);
      } else {
        json.writeNumberProperty(key, times.valueNs(statistic) / 1e6);
      }
    }
    json.writeEndObject();
  }

  private static void strings(JsonGenerator json, String name, List<String> values) {
    json.writeArrayPropertyStart(name);
    values.forEach(json::writeString);
    json.writeEndArray();
  }
}
