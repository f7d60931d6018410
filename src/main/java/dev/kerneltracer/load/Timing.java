package dev.kerneltracer.load;

/// When the requests of a plan are sent, and how many there are.
public sealed interface Timing {
  /// By a schedule, however many are under way.
  record Scheduled(Arrivals arrivals, long durationNs, int mostRequests) implements Timing {}

  /// As a recording was sent.
  ///
  /// @param speed 2 for twice as fast
  record AsRecorded(double speed, long durationNs, int mostRequests) implements Timing {}

  /// A new one as soon as another has ended.
  record WhenFree(int concurrency, long durationNs, int mostRequests) implements Timing {}
}
