package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.live.WatchedSession;
import java.nio.file.Path;

/// `watch --attach`: looks at a session that somebody else began.
final class AttachedSession {
  private static final long LOOK_MILLIS = 100;

  private AttachedSession() {}

  /// Shows it until its server ends or the user has seen enough.
  ///
  /// @param directory of the session, or of several, of which it is the last
  /// @return the exit code
  static int run(Path directory, LiveOptions options) {
    Path session = LiveSession.find(directory);
    boolean interrupted = false;
    long interval = WatchedSession.interval(System.getenv());
    try (LiveSession live = LiveSession.start(session, options, true, interval)) {
      while (!(live.hasCaughtUp() && live.isOver())) {
        Thread.sleep(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      interrupted = true;
    }
    return (interrupted ? ExitCode.INTERRUPTED : ExitCode.OK).code();
  }
}
