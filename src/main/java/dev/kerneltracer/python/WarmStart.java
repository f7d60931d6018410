package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Starts targets by forking them from a warm parent, which saves each the imports. Where that
/// cannot be, it says so once, and whoever asks starts the target anew. A warm parent that is
/// killed is replaced; the targets that it forked do not notice.
public final class WarmStart implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  /// In a row, with no target between.
  private static final int MOST_LOST = 2;

  private final Path python;
  private final Path probe;
  private final Map<String, String> environment;
  private final Consumer<String> said;
  private @Nullable WarmParent parent;
  private boolean unfit;

  /// A parent is ready, or there will be none. Asked without waiting for whoever starts one.
  private volatile boolean settled;

  private int lost;

  /// Nothing is started yet.
  ///
  /// @param environment added to ours, the same for all targets
  /// @param said told why targets are started anew, where they are
  public WarmStart(
      Path python, Path probe, Map<String, String> environment, Consumer<String> said) {
    this.python = python;
    this.probe = probe;
    this.environment = Map.copyOf(environment);
    this.said = said;
  }

  /// Whether nothing is to be waited for before a fork.
  public boolean isReady() {
    return settled;
  }

  /// Waits for the imports, so that the time of a job is its own.
  ///
  /// @throws InterruptedException when this thread was interrupted; nothing is left by then
  public void prepare() throws InterruptedException {
    ready();
  }

  /// Forks a target; null where it is to be started anew.
  ///
  /// @param arguments what `python` would be given
  /// @param changes added to the environment; nothing that an import has read already
  /// @throws InterruptedException when this thread was interrupted; nothing is left by then
  public @Nullable TargetProcess start(
      List<String> arguments, Map<String, String> changes, Path log) throws InterruptedException {
    for (int attempt = 0; attempt < 2; attempt++) {
      WarmParent asked = ready();
      if (asked == null) {
        return null;
      }
      TargetProcess target = asked.fork(arguments, changes, log);
      ProbeEvent first = target == null ? null : target.firstEvent();
      if (first != null && first.name().equals("started")) {
        served();
        return target;
      }
      giveUp(asked, first == null ? null : first.text("reason"));
    }
    return null;
  }

  /// The warm parent, started where there is none; null where there will be none.
  private synchronized @Nullable WarmParent ready() throws InterruptedException {
    if (parent != null && !parent.isAlive()) {
      giveUp(parent, null);
    }
    if (parent == null && !unfit) {
      try {
        parent = WarmParent.start(python, probe, environment);
        WarmParent.Readiness readiness = parent.awaitReady(PATIENCE);
        if (readiness.ready()) {
          settled = true;
        } else {
          giveUp(parent, readiness.reason());
        }
      } catch (IOException e) {
        giveUp(null, AtomicFile.reason(e));
      } catch (InterruptedException e) {
        close();
        throw e;
      }
    }
    return parent;
  }

  private synchronized void served() {
    lost = 0;
  }

  /// @param reason why it can never fork; null where it was merely lost
  private synchronized void giveUp(@Nullable WarmParent which, @Nullable String reason) {
    if (which != null && which != parent) {
      return; // somebody else found out first
    }
    if (parent != null) {
      parent.close();
      parent = null;
    }
    lost++;
    settled = unfit;
    if (!unfit && (reason != null || lost > MOST_LOST)) {
      unfit = true;
      settled = true;
      said.accept(
          "each job starts a Python of its own: "
              + (reason != null ? reason : "the process that it is forked from ended too often"));
    }
  }

  @Override
  public synchronized void close() {
    unfit = true;
    if (parent != null) {
      parent.close();
      parent = null;
    }
  }
}
