package dev.kerneltracer.load;

/// Told of requests as they come and go, on any thread and by many at once. What it does takes the
/// client's time: it should be little.
public interface LoadListener {
  /// The warm-up is over, and nothing of the plan has been sent yet.
  ///
  /// @param zeroNanoTime what [System#nanoTime] says at the zero of all results' times
  default void began(long zeroNanoTime) {}

  /// A request has been set about.
  void started(PlannedRequest request);

  /// So many tokens of some request have come.
  default void tokens(int count) {}

  /// A request has ended, in whatever way.
  void ended(RequestResult result);
}
