package dev.kerneltracer.batch;

import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.TraceJob;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/// Brings models into the cache ahead of their jobs, in the jobs' order, but only so many that have
/// jobs left.
final class ModelFetcher {
  private final ModelSource source;
  private final JobQueue queue;
  private final Semaphore room;
  private final Iterator<String> names;
  private final Map<String, Integer> left;
  private final Map<String, ModelReference.Hub> brought = new HashMap<>();

  ModelFetcher(ModelSource source, JobQueue queue, int ahead) {
    this.source = source;
    this.queue = queue;
    this.room = new Semaphore(ahead);
    this.left = queue.downloads();
    this.names = List.copyOf(left.keySet()).iterator();
  }

  /// Fetches one after the other; several threads may.
  void run() throws InterruptedException {
    while (true) {
      room.acquire();
      String name = next();
      if (name == null) {
        room.release();
        return;
      }
      ModelSource.Answer answer = source.provide(name);
      switch (answer) {
        case ModelSource.Answer.Here here -> {
          synchronized (this) {
            brought.put(name, here.model());
          }
        }
        case ModelSource.Answer.Missing _ -> room.release();
      }
      queue.found(name, answer);
    }
  }

  private synchronized @Nullable String next() {
    return names.hasNext() ? names.next() : null;
  }

  /// A job has ended for good: with a model's last one its room is free.
  void ended(TraceJob job) {
    ModelReference.Hub last = null;
    synchronized (this) {
      String name = job.model().label();
      if (left.containsKey(name) && left.merge(name, -1, Integer::sum) == 0) {
        last = brought.get(name);
      }
    }
    if (last != null) {
      source.done(last);
      room.release();
    }
  }
}
