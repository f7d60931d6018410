package dev.kerneltracer.load;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.RequestResult.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/// Sends the requests of a plan when they are due, each on a virtual thread with a blocking socket,
/// and measures what comes back. It never sends one twice and waits for none that it need not wait
/// for.
public final class LoadClient {
  /// So long before it is due a request gets its thread and its bytes.
  private static final long LEAD_NS = Duration.ofMillis(50).toNanos();

  private static final long WATCH_NS = Duration.ofMillis(50).toNanos();
  private static final long TICK_NS = Duration.ofMillis(10).toNanos();
  private static final int MOST_TICKS = 1 << 20;

  private final Target target;
  private final Map<String, String> environment;

  public LoadClient(Target target) {
    this(target, System.getenv());
  }

  LoadClient(Target target, Map<String, String> environment) {
    this.target = target;
    this.environment = environment;
  }

  /// Sends all, and returns when each has ended. An interrupt of this thread ends what is under way
  /// (as [Status#CUT]) and sends no more; it is not thrown but told in the result.
  ///
  /// @throws UserException where not one of the plan's warm-up requests succeeds
  public LoadRun run(LoadPlan plan, LoadListener listener) {
    for (PlannedRequest request : plan.requests()) {
      if (!Bodies.fits(request.prompt(), target.endpoint())) {
        throw new IllegalArgumentException(
            "the " + target.endpoint() + " endpoint takes no " + request.prompt().getClass());
      }
    }
    try (Connections connections = new Connections(target, environment)) {
      return new Run(plan, listener, connections).run();
    }
  }

  /// One run, while it lasts.
  private final class Run {
    private final LoadPlan plan;
    private final LoadListener listener;
    private final Connections connections;
    private final Bodies bodies;
    private final Set<Exchange> underWay = ConcurrentHashMap.newKeySet();
    private final AtomicInteger sent = new AtomicInteger();
    private long[] lagNs = new long[1 << 12];
    private int ticks;
    private volatile boolean stopping;
    private volatile boolean watching = true;

    Run(LoadPlan plan, LoadListener listener, Connections connections) {
      this.plan = plan;
      this.listener = listener;
      this.connections = connections;
      this.bodies = new Bodies(target, plan.sampling());
    }

    LoadRun run() {
      Thread watch = Thread.ofPlatform().daemon().name("load watch").start(this::watch);
      try {
        List<RequestResult> warmup = warmUp();
        Thread tick = Thread.ofVirtual().name("load lag").start(this::tick);
        Instant wallZero = Instant.now();
        long zero = System.nanoTime();
        listener.began(zero);
        long[] lateNs =
            stopping
                ? new long[0]
                : switch (plan.pace()) {
                  case LoadPlan.Pace.Open _ -> open(zero);
                  case LoadPlan.Pace.Closed closed -> closed(zero, closed.concurrency());
                };
        long durationNs = System.nanoTime() - zero;
        boolean interrupted = stopping;
        stopping = true;
        join(tick);
        return new LoadRun(
            wallZero,
            zero,
            durationNs,
            warmup,
            plan.requests().size() - sent.get(),
            interrupted,
            LoadRun.Lateness.of(lateNs, Arrays.copyOf(lagNs, ticks)));
      } finally {
        watching = false;
        LockSupport.unpark(watch);
        join(watch);
      }
    }

    private List<RequestResult> warmUp() {
      List<RequestResult> results = new ArrayList<>();
      long zero = System.nanoTime();
      for (PlannedRequest request : plan.warmup()) {
        CountDownLatch ended = new CountDownLatch(1);
        Exchange exchange = new Exchange(request, target, connections, new Unheard(), zero, -1);
        Thread.ofVirtual()
            .start(() -> {
              RequestResult result = send(exchange, bodies.body(request));
              synchronized (results) {
                results.add(result);
              }
              ended.countDown();
            });
        await(ended);
        if (stopping) {
          return results;
        }
      }
      if (!results.isEmpty() && results.stream().noneMatch(r -> r.status() == Status.OK)) {
        throw new UserException(
            ExitCode.ENVIRONMENT,
            target.url() + " did not serve one of " + results.size() + " first requests",
            "The last: " + results.getLast().error() + ".");
      }
      return results;
    }

    /// @return of each request that was sent, how late it was
    private long[] open(long zero) {
      List<PlannedRequest> requests = plan.requests();
      AtomicLongArray late = new AtomicLongArray(requests.size());
      CountDownLatch left = new CountDownLatch(requests.size());
      int begun = 0;
      while (begun < requests.size()) {
        PlannedRequest request = requests.get(begun);
        long dueNanoTime = zero + request.intendedStartNs();
        if (!sleepUntil(dueNanoTime - LEAD_NS)) {
          break;
        }
        int index = begun++;
        Thread.ofVirtual()
            .start(() -> {
              try {
                byte[] body = bodies.body(request);
                if (!sleepUntil(dueNanoTime)) {
                  return;
                }
                Exchange exchange =
                    new Exchange(
                        request, target, connections, listener, zero, request.intendedStartNs());
                sendAndTell(exchange, request, body);
                late.set(index, exchange.lateNs() + 1);
              } finally {
                left.countDown();
              }
            });
      }
      for (int i = begun; i < requests.size(); i++) {
        left.countDown();
      }
      await(left);
      long[] lateNs = new long[requests.size()];
      int count = 0;
      for (int i = 0; i < requests.size(); i++) {
        if (late.get(i) > 0) {
          lateNs[count++] = late.get(i) - 1;
        }
      }
      return Arrays.copyOf(lateNs, count);
    }

    private long[] closed(long zero, int concurrency) {
      List<PlannedRequest> requests = plan.requests();
      AtomicInteger next = new AtomicInteger();
      int senders = Math.min(concurrency, requests.size());
      CountDownLatch left = new CountDownLatch(senders);
      for (int i = 0; i < senders; i++) {
        Thread.ofVirtual()
            .start(() -> {
              try {
                int index;
                while (!stopping
                    && System.nanoTime() - zero < plan.durationNs()
                    && (index = next.getAndIncrement()) < requests.size()) {
                  PlannedRequest request = requests.get(index);
                  byte[] body = bodies.body(request);
                  sendAndTell(
                      new Exchange(request, target, connections, listener, zero, -1),
                      request,
                      body);
                }
              } finally {
                left.countDown();
              }
            });
      }
      await(left);
      return new long[0];
    }

    private void sendAndTell(Exchange exchange, PlannedRequest request, byte[] body) {
      sent.incrementAndGet();
      listener.started(request);
      listener.ended(send(exchange, body));
    }

    private RequestResult send(Exchange exchange, byte[] body) {
      underWay.add(exchange);
      try {
        if (stopping) {
          exchange.end(Status.CUT, "interrupted");
        }
        return exchange.run(bodies.head(body.length), body);
      } finally {
        underWay.remove(exchange);
      }
    }

    /// Also where this thread, the caller's, is interrupted meanwhile: the run is stopped then.
    private void await(CountDownLatch latch) {
      while (true) {
        try {
          latch.await();
          return;
        } catch (InterruptedException e) {
          stop();
        }
      }
    }

    private static void join(Thread thread) {
      boolean interrupted = false;
      while (true) {
        try {
          thread.join();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    private void stop() {
      stopping = true;
      for (Exchange exchange : underWay) {
        exchange.end(Status.CUT, "interrupted");
      }
    }

    /// @return false where the run is stopped before
    private boolean sleepUntil(long nanoTime) {
      while (!stopping) {
        long left = nanoTime - System.nanoTime();
        if (left <= 0) {
          return true;
        }
        if (Thread.interrupted()) {
          stop();
          return false;
        }
        LockSupport.parkNanos(this, Math.min(left, WATCH_NS));
      }
      return false;
    }

    private void watch() {
      while (watching) {
        LockSupport.parkNanos(this, WATCH_NS);
        long now = System.nanoTime();
        for (Exchange exchange : underWay) {
          exchange.endIfOverdue(now);
        }
      }
    }

    private void tick() {
      while (!stopping && ticks < MOST_TICKS) {
        long due = System.nanoTime() + TICK_NS;
        while (!stopping && due - System.nanoTime() > 0) {
          LockSupport.parkNanos(this, Math.max(1, due - System.nanoTime()));
        }
        if (ticks == lagNs.length) {
          lagNs = Arrays.copyOf(lagNs, 2 * ticks);
        }
        lagNs[ticks++] = Math.max(0, System.nanoTime() - due);
      }
    }
  }

  private static final class Unheard implements LoadListener {
    @Override
    public void started(PlannedRequest request) {}

    @Override
    public void ended(RequestResult result) {}
  }
}
