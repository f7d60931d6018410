package dev.kerneltracer.live;

/// What became of one CUDA graph of one worker.
public final class GraphUse {
  private long capturedT = -1;
  private double captureSeconds;
  private long pieces;
  private long forwards;
  private long replays;
  private long askedTokens;
  private long paddedTokens;

  void captured(Event event) {
    capturedT = event.t();
    captureSeconds = event.decimal("seconds", 0);
    pieces = event.number("graphs");
  }

  void replayed(Event forward) {
    forwards++;
    replays += Math.max(1, forward.number("replays", 1));
    askedTokens += forward.number("tokens");
    paddedTokens += Math.max(forward.number("padded_tokens"), forward.number("tokens"));
  }

  /// Of CLOCK_MONOTONIC; -1 where it was captured before the hooks were on.
  long capturedT() {
    return capturedT;
  }

  public double captureSeconds() {
    return captureSeconds;
  }

  /// Graphs that one forward replays: the pieces of a piecewise graph.
  public long pieces() {
    return pieces;
  }

  /// Forwards that it ran in, each counted once however many pieces it has.
  public long forwards() {
    return forwards;
  }

  public long replays() {
    return replays;
  }

  public long paddingTokens() {
    return paddedTokens - askedTokens;
  }

  public long paddedTokens() {
    return paddedTokens;
  }
}
