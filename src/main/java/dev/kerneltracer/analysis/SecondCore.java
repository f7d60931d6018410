package dev.kerneltracer.analysis;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/// Work done beside the caller's.
public final class SecondCore {
  private SecondCore() {}

  /// Begins work in a thread of its own.
  public static <T> FutureTask<T> started(Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    Thread.ofPlatform().name("beside").daemon().start(task);
    return task;
  }

  /// Waits for it; what it threw unchecked is thrown here.
  public static <T> T ended(FutureTask<T> task) throws InterruptedException {
    try {
      return task.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException thrown -> throw thrown;
        case Error thrown -> throw thrown;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }
}
