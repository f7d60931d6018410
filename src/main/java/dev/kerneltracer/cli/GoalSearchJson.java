package dev.kerneltracer.cli;

import dev.kerneltracer.load.ClassMetrics;
import dev.kerneltracer.load.Goal;
import dev.kerneltracer.load.GoalSearch;
import tools.jackson.core.JsonGenerator;

/// `goal_search.json`: every trial, and which rate was found.
final class GoalSearchJson {
  private GoalSearchJson() {}

  static void write(JsonGenerator json, GoalSearch.Found found, Goal goal) {
    json.writeStartObject();
    json.writeArrayPropertyStart("goal");
    goal.conditions().forEach(condition -> json.writeString(Goal.text(condition)));
    json.writeEndArray();
    json.writeName("best_rate");
    if (found.best() == null) {
      json.writeNull();
    } else {
      json.writeNumber(found.best().rate());
    }
    json.writeStringProperty("end", found.why());
    json.writeBooleanProperty("interrupted", found.interrupted());
    json.writeArrayPropertyStart("trials");
    for (GoalSearch.Tried tried : found.trials()) {
      ClassMetrics whole = tried.metrics().whole();
      json.writeStartObject();
      json.writeNumberProperty("rate", tried.rate());
      json.writeBooleanProperty("met", tried.met());
      json.writeBooleanProperty("trustworthy", tried.metrics().isTrustworthy());
      json.writeNumberProperty("sent", whole.sent());
      json.writeNumberProperty("success_share", whole.successShare());
      json.writeNumberProperty("requests_per_s", whole.requestsPerS());
      json.writeNumberProperty("goodput_requests_per_s", whole.goodRequestsPerS());
      json.writeNumberProperty("tokens_per_s", whole.tokensPerS());
      json.writeNumberProperty("ttft_p99_ms", whole.ttft().p99Ns() / 1e6);
      json.writeNumberProperty("tpot_p99_ms", whole.tpot().p99Ns() / 1e6);
      json.writeNumberProperty("itl_p99_ms", whole.itl().p99Ns() / 1e6);
      json.writeNumberProperty("end_to_end_p99_ms", whole.endToEnd().p99Ns() / 1e6);
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
