package dev.kerneltracer.serve;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.PlannedRequest;
import java.util.ArrayList;
import java.util.List;

/// A load under which a server's steps are of one phase.
final class ShapedLoad {
  // A step makes a token for each request; so many more than the window takes, for its beginning.
  private static final int MORE_TOKENS = 400;

  private ShapedLoad() {}

  /// Requests that all decode together once their prompts are through.
  ///
  /// @param contextTokens longest sequence of the server, 0 where unknown
  static LoadPlan decode(LoadPlan like, int concurrency, int steps, int contextTokens) {
    List<PlannedRequest> requests = new ArrayList<>();
    for (PlannedRequest request : like.requests()) {
      int prompt = Math.max(request.promptTokens(), 1);
      int room = contextTokens == 0 ? Integer.MAX_VALUE : contextTokens - prompt - 1;
      int output = Math.min(room, 4 * steps + MORE_TOKENS);
      if (output > steps && requests.size() < concurrency) {
        requests.add(with(request, output));
      }
    }
    return plan(like, requests, concurrency);
  }

  /// Requests that end with their first token, always so many under way.
  static LoadPlan prefill(LoadPlan like, int concurrency) {
    return plan(
        like, like.requests().stream().map(request -> with(request, 1)).toList(), concurrency);
  }

  private static PlannedRequest with(PlannedRequest request, int outputTokens) {
    return new PlannedRequest(
        request.id(),
        request.requestClass(),
        0,
        request.prompt(),
        request.promptTokens(),
        outputTokens);
  }

  private static LoadPlan plan(LoadPlan like, List<PlannedRequest> requests, int concurrency) {
    return new LoadPlan(
        like.seed(),
        new LoadPlan.Pace.Closed(concurrency),
        new LoadPlan.Sampling(0, true),
        List.of(),
        requests,
        Long.MAX_VALUE);
  }
}
