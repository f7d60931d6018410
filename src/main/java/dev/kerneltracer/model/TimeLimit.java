package dev.kerneltracer.model;

import java.time.Duration;

/// When a model's download must have ended.
record TimeLimit(long endNs, Duration whole) {
  static TimeLimit in(Duration duration) {
    return new TimeLimit(System.nanoTime() + duration.toNanos(), duration);
  }

  /// What is left, at least a millisecond.
  ///
  /// @throws HubException where it is over
  Duration left() throws HubException {
    long leftNs = endNs - System.nanoTime();
    if (leftNs <= 0) {
      throw new HubException(
          DownloadEnd.Failure.TIMEOUT,
          "not here within " + whole.toSeconds() + " s",
          "Run it again: it goes on where it stopped. --timeout SECONDS allows more time.");
    }
    return Duration.ofNanos(Math.max(leftNs, 1_000_000));
  }

  /// The shorter of a duration and what is left.
  Duration atMost(Duration duration) throws HubException {
    Duration left = left();
    return left.compareTo(duration) < 0 ? left : duration;
  }

  void sleep(Duration duration) throws HubException, InterruptedException {
    Thread.sleep(atMost(duration));
    left();
  }
}
