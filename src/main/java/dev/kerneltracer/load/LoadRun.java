package dev.kerneltracer.load;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;

/// How a run went on the client's side; the requests' results went to its listener.
///
/// @param zero the wall clock at the run's start, from which all times of results count
/// @param zeroNanoTime [System#nanoTime()] at the same moment
/// @param durationNs until the last request had ended
/// @param warmup what became of the requests before the start, whose times count from the first of
///   them
/// @param unsent planned requests that were not sent, since the run was interrupted or its time
///   over
/// @param interrupted whether it was ended before its time
public record LoadRun(
    Instant zero,
    long zeroNanoTime,
    long durationNs,
    List<RequestResult> warmup,
    int unsent,
    boolean interrupted,
    Lateness lateness) {

  /// How late the client itself was: what it adds to what it measures.
  ///
  /// @param requests how many were sent by a schedule
  /// @param p50Ns of the actual less the intended start, by nearest rank
  /// @param p99Ns likewise
  /// @param maxNs likewise
  /// @param lagP99Ns of a thread that asks to be woken each 10 ms, how much later it is woken: what
  ///   the client may be late in seeing an answer
  public record Lateness(int requests, long p50Ns, long p99Ns, long maxNs, long lagP99Ns) {
    static Lateness of(long[] lateNs, long[] lagNs) {
      Arrays.sort(lateNs);
      Arrays.sort(lagNs);
      return new Lateness(
          lateNs.length, rank(lateNs, 0.5), rank(lateNs, 0.99), rank(lateNs, 1), rank(lagNs, 0.99));
    }

    private static long rank(long[] sorted, double share) {
      return sorted.length == 0
          ? 0
          : sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
    }
  }
}
