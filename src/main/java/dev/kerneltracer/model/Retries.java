package dev.kerneltracer.model;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;

/// How often, and after which wait, one thing is tried again. Whatever brought something new does
/// not count, so that a long file may fail many times on a bad line.
final class Retries {
  private static final int MOST = 6;
  private static final int MOST_UNREACHED = 3;
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  /// A server that asks for more than this is not waited for.
  private static final Duration LONGEST_ASKED = Duration.ofMinutes(10);

  private final Duration firstWait;
  private final TimeLimit limit;
  private final Consumer<String> tell;
  private int failures;
  private boolean progressed;

  Retries(Duration firstWait, TimeLimit limit, Consumer<String> tell) {
    this.firstWait = firstWait;
    this.limit = limit;
    this.tell = tell;
  }

  void progress() {
    failures = 0;
    progressed = true;
  }

  /// Waits before the next try.
  ///
  /// @throws HubException where it has been tried often enough
  void waitAfter(TransientFailure failure) throws HubException, InterruptedException {
    failures++;
    Duration asked = failure.waitAsked();
    int most = failure.isUnreached() && !progressed ? MOST_UNREACHED : MOST;
    if (failures >= most || (asked != null && asked.compareTo(LONGEST_ASKED) > 0)) {
      throw new HubException(
          DownloadEnd.Failure.UNREACHABLE,
          failure.getMessage() + (failures > 1 ? " (tried " + failures + " times)" : ""),
          "Look at the network, HF_ENDPOINT and the proxy variables, and run it again: it goes on"
              + " where it stopped.");
    }
    Duration wait = asked != null ? asked : doubled();
    tell.accept(failure.getMessage() + "; again in " + Math.max(1, wait.toSeconds()) + " s");
    limit.sleep(wait);
  }

  /// Doubled each time and up to half longer by chance, so that many do not come back at once.
  private Duration doubled() {
    Duration wait = firstWait.multipliedBy(1L << (failures - 1));
    Duration bounded = wait.compareTo(LONGEST_WAIT) < 0 ? wait : LONGEST_WAIT;
    return bounded.plusMillis(ThreadLocalRandom.current().nextLong(bounded.toMillis() / 2 + 1));
  }
}
