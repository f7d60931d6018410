package dev.kerneltracer.serve;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.PlannedRequest;
import dev.kerneltracer.load.Prompt;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;

/// A load under which a server's steps are of one phase.
final class ShapedLoad {
  // A step makes a token for each request, and the window begins when all are past their prompts:
  // they are given up after it, so as long as the context allows costs nothing.
  private static final int MOST_TOKENS = 20_000;

  // What makes a text new takes tokens, and a chat template may take some more.
  private static final int MARGIN = 64;
  private static final int MORE_STEPS = 50;

  // Apart from the numbers of loads.
  private static final int ROUNDS = 16;

  // Ids that every vocabulary of a language model has.
  private static final int SAFE_VOCABULARY = 1_000;

  private ShapedLoad() {}

  /// The same requests with prompts of which a prefix cache knows nothing.
  ///
  /// @param number another one for each load
  /// @param vocabulary how many token ids there are, 0 where unknown
  static LoadPlan fresh(LoadPlan plan, int number, int vocabulary) {
    int ids = vocabulary == 0 ? SAFE_VOCABULARY : vocabulary;
    List<PlannedRequest> requests = new ArrayList<>();
    for (PlannedRequest request : plan.requests()) {
      Prompt prompt =
          switch (request.prompt()) {
            case Prompt.Tokens tokens ->
                new Prompt.Tokens(new ShiftedIds(tokens.ids(), number, ids));
            case Prompt.Text text -> new Prompt.Text(number + ": " + text.text());
            case Prompt.Chat chat ->
                new Prompt.Chat(
                    chat.messages().stream()
                        .map(message ->
                            new Prompt.Message(message.role(), number + ": " + message.content()))
                        .toList());
          };
      requests.add(
          new PlannedRequest(
              request.id(),
              request.requestClass(),
              0,
              prompt,
              request.promptTokens(),
              request.outputTokens()));
    }
    return new LoadPlan(
        plan.seed(), plan.pace(), plan.sampling(), List.of(), requests, plan.durationNs());
  }

  private static final class ShiftedIds extends AbstractList<Integer> {
    private final List<Integer> ids;
    private final int by;
    private final int vocabulary;

    ShiftedIds(List<Integer> ids, int by, int vocabulary) {
      this.ids = ids;
      this.by = by;
      this.vocabulary = vocabulary;
    }

    @Override
    public Integer get(int index) {
      return (ids.get(index) + by) % vocabulary;
    }

    @Override
    public int size() {
      return ids.size();
    }
  }

  /// Requests that all decode together once their prompts are through.
  ///
  /// @param contextTokens longest sequence of the server, 0 where unknown
  static LoadPlan decode(LoadPlan like, int concurrency, int steps, int contextTokens) {
    List<PlannedRequest> requests = new ArrayList<>();
    for (PlannedRequest request : like.requests()) {
      int prompt = Math.max(request.promptTokens(), 1);
      int room = contextTokens == 0 ? Integer.MAX_VALUE : contextTokens - prompt - MARGIN;
      int output = Math.min(room, MOST_TOKENS);
      if (output > steps && requests.size() < concurrency) {
        requests.add(with(request, output));
      }
    }
    return plan(like, requests, concurrency);
  }

  /// Requests that end with their first token, always so many under way; no prompt comes twice.
  static LoadPlan prefill(LoadPlan like, int concurrency, int steps, int vocabulary) {
    long wanted = 2L * concurrency * (steps + MORE_STEPS);
    List<PlannedRequest> requests = new ArrayList<>();
    for (int round = 1; requests.size() < wanted && !like.requests().isEmpty(); round++) {
      for (PlannedRequest request : fresh(like, ROUNDS * round, vocabulary).requests()) {
        if (requests.size() < wanted) {
          requests.add(with(request, 1));
        }
      }
    }
    return plan(like, requests, concurrency);
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
