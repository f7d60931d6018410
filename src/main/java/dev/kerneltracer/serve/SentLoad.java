package dev.kerneltracer.serve;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.RequestResult;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A load on its way, in a thread of its own.
final class SentLoad implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final CountDownLatch began = new CountDownLatch(1);
  private final AtomicInteger done = new AtomicInteger();
  private final Thread thread;
  private volatile long zeroNanoTime;
  private volatile @Nullable RuntimeException failure;
  private volatile @Nullable LoadRun run;

  private SentLoad(LoadSender sender, LoadPlan plan, Consumer<RequestResult> ended) {
    this.thread =
        Thread.ofPlatform()
            .name("load")
            .start(() -> {
              try {
                run =
                    sender.send(
                        plan,
                        zero -> {
                          zeroNanoTime = zero;
                          began.countDown();
                        },
                        result -> {
                          done.incrementAndGet();
                          ended.accept(result);
                        });
              } catch (RuntimeException e) {
                failure = e;
              } finally {
                began.countDown();
              }
            });
  }

  static SentLoad start(LoadSender sender, LoadPlan plan, Consumer<RequestResult> ended) {
    return new SentLoad(sender, plan, ended);
  }

  /// Waits for the zero of its clock.
  ///
  /// @return what [System#nanoTime] said then; now, where nothing was sent
  long zeroNanoTime() throws InterruptedException {
    began.await();
    return zeroNanoTime == 0 ? System.nanoTime() : zeroNanoTime;
  }

  boolean hasEnded() {
    return !thread.isAlive();
  }

  /// How many requests have ended.
  int done() {
    return done.get();
  }

  /// Waits for its end, at most so long.
  boolean awaitEnd(long millis) throws InterruptedException {
    return thread.join(Duration.ofMillis(millis));
  }

  /// How it went; null while it lasts, and where nothing could be sent.
  @Nullable LoadRun run() {
    return run;
  }

  /// Why nothing could be sent; null where all is well.
  @Nullable RuntimeException failure() {
    return failure;
  }

  /// Gives it up: what is under way is ended.
  @Override
  public void close() {
    thread.interrupt();
    boolean interrupted = Thread.interrupted();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (thread.isAlive() && System.nanoTime() < deadline) {
      try {
        thread.join(Duration.ofMillis(TimeUnit.SECONDS.toMillis(1)));
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
