package dev.kerneltracer.batch;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobRunner;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.TraceJob;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// Runs the open jobs of a plan, one in each slot at a time, while models are downloaded ahead of
/// them.
public final class BatchRunner {
  private final JobRunner jobs;
  private final ModelSource source;
  private final Settings settings;
  private final JobQueue queue;
  private final BatchListener listener;
  private final @Nullable ModelFetcher fetcher;
  private final boolean single;
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final List<JobResult> results = new ArrayList<>();
  private @Nullable RuntimeException fault;

  /// How a plan is run.
  ///
  /// @param ahead models that may lie here for jobs that have not ended
  /// @param downloads models that are downloaded at once
  /// @param skipDone leave out what another command has done meanwhile
  /// @param retries how often a job may be tried again whose outcome can change
  public record Settings(
      List<Slot> slots, int ahead, int downloads, boolean skipDone, int retries) {}

  /// Makes a runner.
  ///
  /// @param source of the models that are not here
  public BatchRunner(
      JobRunner jobs,
      ModelSource source,
      Settings settings,
      BatchListener listener,
      BatchPlan plan) {
    this.jobs = jobs;
    this.source = source;
    this.settings = settings;
    this.listener = listener;
    this.queue = new JobQueue(plan.open(), settings.retries());
    this.single = plan.models() == 1;
    boolean downloads = plan.count(PlannedJob.State.DOWNLOAD) > 0;
    this.fetcher = downloads ? new ModelFetcher(source, queue, settings.ahead()) : null;
  }

  /// Runs to the end. An interrupt of this thread ends the jobs on their way as
  /// [Outcome#CANCELLED]; those that have not begun are not mentioned.
  ///
  /// @return how each job ended, in that order
  /// @throws UserException where the environment lets no job succeed
  public List<JobResult> run() {
    for (Slot slot : settings.slots()) {
      threads.add(Thread.ofPlatform().name("jobs on " + slot.device()).start(() -> work(slot)));
    }
    for (int i = 0; fetcher != null && i < settings.downloads(); i++) {
      threads.add(Thread.ofPlatform().name("downloads").start(() -> guarded(fetcher::run)));
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
          stop();
        }
      }
    }
    synchronized (results) {
      if (fault != null) {
        throw fault;
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      return List.copyOf(results);
    }
  }

  private void work(Slot slot) {
    guarded(() -> {
      for (JobQueue.Entry entry = queue.take(slot); entry != null; entry = queue.take(slot)) {
        TraceJob job = entry.job();
        listener.started(job);
        JobResult result = null;
        boolean again;
        try {
          result = run(entry, slot);
        } finally {
          again = queue.finish(entry, slot, outcome(result));
        }
        if (!again) {
          synchronized (results) {
            results.add(single ? result : result.withoutFindings());
          }
        }
        listener.ended(job, result, again);
        UserException fatal = result.fatal();
        if (fatal != null && (single || fatal.exitCode() == ExitCode.ENVIRONMENT)) {
          throw fatal;
        }
        if (!again && fetcher != null) {
          fetcher.ended(job);
        }
      }
    });
  }

  /// Null, which is never tried again, also where the command line is at fault.
  private static @Nullable Outcome outcome(@Nullable JobResult result) {
    return result == null || result.fatal() != null ? null : result.status().outcome();
  }

  private JobResult run(JobQueue.Entry entry, Slot slot) throws InterruptedException {
    TraceJob job = entry.job();
    try {
      if (entry.missing() != null) {
        return jobs.refuse(job, entry.missing().outcome(), entry.missing().reason());
      }
      try (HubCache.Use _ =
          job.model() instanceof ModelReference.Hub hub ? source.use(hub) : null) {
        return jobs.run(
            job, settings.skipDone(), slot.environment(), text -> listener.said(job, text));
      }
    } catch (UserException e) {
      if (single) {
        throw e;
      }
      // Of this job alone: its directory is taken or cannot be written, its model is unreadable.
      return JobRunner.notRun(job, Outcome.FAILED, String.valueOf(e.getMessage()));
    }
  }

  private void stop() {
    queue.close();
    for (Thread thread : threads) {
      if (!thread.equals(Thread.currentThread())) {
        thread.interrupt();
      }
    }
  }

  private interface Work {
    void run() throws InterruptedException;
  }

  /// What goes wrong on one thread ends all, and is thrown by [#run].
  private void guarded(Work work) {
    try {
      work.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      synchronized (results) {
        fault = fault == null ? e : fault;
      }
      stop();
    }
  }
}
