package dev.kerneltracer.python;

import org.jspecify.annotations.Nullable;

/// How a target process ended, as its supervisor saw it.
///
/// @param exitCode null where a signal ended it or nobody saw its end
/// @param signal null where it exited by itself
/// @param timedOut it was stopped because its time was over
/// @param peakRssBytes the largest resident memory of the process and its children together
/// @param leastAvailableBytes the least memory the machine had to give meanwhile; 0 where unknown
/// @param outOfMemoryKills processes that the kernel's OOM killer took meanwhile, in this cgroup or
///   on this machine
/// @param stragglers processes that the target left behind, and that were then ended
public record ProcessEnd(
    @Nullable Integer exitCode,
    @Nullable Integer signal,
    boolean timedOut,
    long peakRssBytes,
    long leastAvailableBytes,
    long outOfMemoryKills,
    int stragglers) {

  /// The supervisor itself was killed: nothing is known but that.
  static ProcessEnd unseen() {
    return new ProcessEnd(null, null, false, 0, 0, 0, 0);
  }

  public boolean succeeded() {
    return exitCode != null && exitCode == 0 && !timedOut;
  }
}
