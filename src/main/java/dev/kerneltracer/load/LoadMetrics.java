package dev.kerneltracer.load;

import java.util.List;
import java.util.SortedMap;

/// What a run measured.
///
/// @param planned how many requests the plan has
/// @param interrupted whether it was ended before its time
/// @param lateness how much later than intended the client began requests of an open loop
/// @param doubts why the latencies may be the client's and not the server's; empty where they are
///   to be trusted
/// @param whole all requests, which are those of all classes together
/// @param classes by name
public record LoadMetrics(
    int planned,
    boolean interrupted,
    Distribution lateness,
    List<String> doubts,
    ClassMetrics whole,
    SortedMap<String, ClassMetrics> classes) {

  public boolean isTrustworthy() {
    return doubts.isEmpty();
  }
}
