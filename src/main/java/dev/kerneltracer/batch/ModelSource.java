package dev.kerneltracer.batch;

import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.Outcome;

/// Where models come from that are not in the cache when a batch begins.
public interface ModelSource {
  /// How asking for a model ended.
  sealed interface Answer {
    /// It is in the cache.
    record Here(ModelReference.Hub model) implements Answer {}

    /// It is not to be had.
    record Missing(Outcome outcome, String reason) implements Answer {}
  }

  /// Brings a model into the cache; waits for it. Several threads may ask.
  Answer provide(String name) throws InterruptedException;

  /// Says that no further job of this batch needs a model that [#provide] has brought.
  void done(ModelReference.Hub model);

  /// Keeps a model's files from being evicted, by whomever, until the result is closed.
  HubCache.Use use(ModelReference.Hub model) throws InterruptedException;
}
