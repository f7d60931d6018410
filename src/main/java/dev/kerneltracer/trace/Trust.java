package dev.kerneltracer.trace;

import java.util.List;

/// How far a trace can be trusted.
///
/// @param complete the document is closed and nothing of it was left out
/// @param eventsRead events kept or counted
/// @param bytesRead bytes of inflated text
/// @param bytesSkipped bytes of it that belong to no event that was read
/// @param damageCount how many faults there are
/// @param damage the first hundred of them, in file order
/// @param unusableTimes rows whose `ts` or `dur` is no finite time; a missing `dur` is no such row
/// @param negativeDurations rows that end before they begin
/// @param textsLost how many times a name or other text was replaced because there were more
///   different ones than the memory holds
public record Trust(
    boolean complete,
    long eventsRead,
    long bytesRead,
    long bytesSkipped,
    long damageCount,
    List<Damage> damage,
    long unusableTimes,
    long negativeDurations,
    long textsLost) {
  public Trust {
    damage = List.copyOf(damage);
  }
}
