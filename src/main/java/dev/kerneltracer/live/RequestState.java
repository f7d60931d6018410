package dev.kerneltracer.live;

/// One request on its way; times of CLOCK_MONOTONIC, -1 for what has not happened.
final class RequestState {
  long queuedT = -1;
  long scheduledT = -1;
  long firstTokenT = -1;
  long preemptedT = -1;
  long resumedT = -1;
  long finishedT = -1;
  long preemptedNs;
  long promptTokens;
  long maxTokens;
  long outputTokens;
  long preemptions;
  String reason = "";

  long startedT() {
    return scheduledT >= 0 ? scheduledT : queuedT;
  }

  void take(Event event) {
    long t = event.t();
    switch (event.text("state", "")) {
      case "queued" -> {
        queuedT = t;
        promptTokens = event.number("prompt_tokens");
        maxTokens = event.number("max_tokens");
      }
      case "scheduled" -> scheduledT = scheduledT < 0 ? t : scheduledT;
      case "first_token" -> firstTokenT = t;
      case "preempted" -> {
        preemptedT = t;
        preemptions++;
      }
      case "resumed" -> {
        resumedT = t;
        preemptedNs += preemptedT >= 0 ? Math.max(0, t - preemptedT) : 0;
      }
      case "finished" -> {
        finishedT = t;
        reason = event.text("reason", "");
        outputTokens = event.number("output_tokens", outputTokens);
        preemptions = event.number("preemptions", preemptions);
      }
      default -> {
        // A state of a later version.
      }
    }
  }
}
