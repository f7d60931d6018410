package dev.kerneltracer.load;

import java.util.List;

/// All that a run will send, made before anything is sent: the same settings and the same seed give
/// the same bytes.
///
/// @param seed what every choice in it was made from
/// @param warmup sent first, one after the other, and not measured; their ids are negative
/// @param requests what is measured, in the order in which it is to be sent
/// @param durationNs no request of a closed loop begins later than this after the run's start;
///   [Long#MAX_VALUE] where only the requests end it. Those of an open loop all begin before it.
public record LoadPlan(
    long seed,
    Pace pace,
    Sampling sampling,
    List<PlannedRequest> warmup,
    List<PlannedRequest> requests,
    long durationNs) {

  /// When requests are sent.
  public sealed interface Pace {
    /// Each at its intended start, however many are under way.
    record Open() implements Pace {}

    /// Each as soon as another has ended, so that so many are under way.
    record Closed(int concurrency) implements Pace {}
  }

  /// What every request says beside its prompt and length.
  ///
  /// @param ignoreEos whether to generate the whole length, as vLLM's `ignore_eos` does; the key is
  ///   left out where false, since other servers may refuse it
  public record Sampling(double temperature, boolean ignoreEos) {}
}
