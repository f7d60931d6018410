package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/// A run of the client as its tests want it, with all that its listener was told.
final class ClientRun implements LoadListener {
  /// Longer than any test on any machine.
  static final Duration LONG = Duration.ofMinutes(5);

  final AtomicInteger tokens = new AtomicInteger();
  final AtomicInteger started = new AtomicInteger();
  private final List<RequestResult> results = new ArrayList<>();

  @Override
  public void started(PlannedRequest request) {
    started.incrementAndGet();
  }

  @Override
  public void tokens(int count) {
    tokens.addAndGet(count);
  }

  @Override
  public synchronized void ended(RequestResult result) {
    results.add(result);
  }

  synchronized List<RequestResult> results() {
    return results.stream().sorted(Comparator.comparingInt(RequestResult::id)).toList();
  }

  List<Status> statuses() {
    return results().stream().map(RequestResult::status).toList();
  }

  static Target target(URI url) {
    return target(url, LONG, LONG);
  }

  static Target target(URI url, Duration requestTimeout, Duration stallTimeout) {
    return new Target(
        url, "tiny", Target.Endpoint.COMPLETIONS, null, false, requestTimeout, stallTimeout, false);
  }

  static PlannedRequest request(int id, long intendedStartNs) {
    return new PlannedRequest(id, "chat", intendedStartNs, new Prompt.Text("héllo"), 7, 3);
  }

  static PlannedRequest chatRequest() {
    return new PlannedRequest(
        0, "chat", 0, new Prompt.Chat(List.of(new Prompt.Message("user", "hi"))), -1, 3);
  }

  static LoadPlan plan(LoadPlan.Pace pace, List<PlannedRequest> requests) {
    return new LoadPlan(
        1, pace, new LoadPlan.Sampling(0, true), List.of(), requests, Long.MAX_VALUE);
  }

  static LoadPlan closed(int concurrency, int requests) {
    List<PlannedRequest> planned = new ArrayList<>();
    for (int i = 0; i < requests; i++) {
      planned.add(request(i, 0));
    }
    return plan(new LoadPlan.Pace.Closed(concurrency), planned);
  }

  /// What becomes of one request to it.
  static RequestResult one(Target target, Map<String, String> environment, PlannedRequest request) {
    ClientRun run = new ClientRun();
    new LoadClient(target, environment)
        .run(plan(new LoadPlan.Pace.Closed(1), List.of(request)), run);
    return run.results().getFirst();
  }

  static RequestResult one(Target target) {
    return one(target, Map.of(), request(0, 0));
  }

  /// What becomes of one request that is answered by it.
  static RequestResult one(StubServer.Script script) throws Exception {
    try (StubServer server = new StubServer(script)) {
      return one(target(server.url()));
    }
  }
}
