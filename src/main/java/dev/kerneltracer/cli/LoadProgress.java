package dev.kerneltracer.cli;

import dev.kerneltracer.load.LoadListener;
import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRecorder;
import dev.kerneltracer.load.PlannedRequest;
import dev.kerneltracer.load.RequestResult;
import dev.kerneltracer.report.Amount;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/// Shows how far a load is while it is sent, and hands its results on.
final class LoadProgress implements LoadListener, AutoCloseable {
  private static final long REFRESH_MILLIS = 500;

  private final ProgressLine line;
  private final LoadRecorder recorder;
  private final int planned;
  private final AtomicInteger started = new AtomicInteger();
  private final AtomicInteger ended = new AtomicInteger();
  private final AtomicInteger failed = new AtomicInteger();
  private final LongAdder tokens = new LongAdder();
  private final Thread thread;

  private LoadProgress(ProgressLine line, LoadRecorder recorder, LoadPlan plan) {
    this.line = line;
    this.recorder = recorder;
    this.planned = plan.pace() instanceof LoadPlan.Pace.Open ? plan.requests().size() : 0;
    this.thread = Thread.ofVirtual().name("load progress").unstarted(this::refresh);
  }

  static LoadProgress start(ProgressLine line, LoadRecorder recorder, LoadPlan plan) {
    LoadProgress progress = new LoadProgress(line, recorder, plan);
    line.show("first requests, which are not measured");
    progress.thread.start();
    return progress;
  }

  @Override
  public void started(PlannedRequest request) {
    started.incrementAndGet();
  }

  @Override
  public void tokens(int count) {
    tokens.add(count);
  }

  @Override
  public void ended(RequestResult result) {
    recorder.add(result);
    ended.incrementAndGet();
    if (result.status() != RequestResult.Status.OK) {
      failed.incrementAndGet();
    }
  }

  private void refresh() {
    long lastNs = System.nanoTime();
    long lastTokens = 0;
    while (!thread.isInterrupted()) {
      try {
        Thread.sleep(REFRESH_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
      int begun = started.get();
      if (begun == 0) {
        continue;
      }
      long nowNs = System.nanoTime();
      long now = tokens.sum();
      double perS = (now - lastTokens) * 1e9 / Math.max(1, nowNs - lastNs);
      lastNs = nowNs;
      lastTokens = now;
      int bad = failed.get();
      line.show(
          Amount.count(begun)
              + (planned > 0 ? "/" + Amount.count(planned) : "")
              + " sent, "
              + Amount.count(begun - ended.get())
              + " under way, "
              + (bad > 0 ? Amount.count(bad) + " failed, " : "")
              + Amount.count(Math.round(perS))
              + " tokens/s");
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
