package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import java.util.ArrayList;
import java.util.List;

/// Results as a client would report them.
final class Results {
  private Results() {}

  /// Begun as intended, the first token after 100 ms, the others 10 ms apart.
  static RequestResult ok(int id, String of, long startNs, int promptTokens, int outputTokens) {
    List<Long> times = new ArrayList<>();
    for (int i = 0; i < outputTokens; i++) {
      times.add(startNs + 100_000_000 + i * 10_000_000L);
    }
    return new RequestResult(
        id,
        of,
        startNs,
        startNs,
        times.getFirst(),
        times,
        times.getLast(),
        promptTokens,
        outputTokens,
        Status.OK,
        null);
  }

  static RequestResult failed(int id, String of, long startNs, Status status) {
    return new RequestResult(
        id, of, startNs, startNs, -1, List.of(), startNs + 1_000_000, 5, 0, status, "a \"reason\"");
  }
}
