package dev.kerneltracer.batch;

import dev.kerneltracer.model.DownloadEnd;
import dev.kerneltracer.model.FileSelection;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.HubDownload;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.Outcome;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Models from the hub, through the cache.
public final class HubSource implements ModelSource {
  private final HubDownload download;
  private final HubCache cache;
  private final FileSelection files;
  private final Duration timeout;
  private final int retries;
  private final boolean evict;

  /// What this command has brought: only that may be evicted.
  private final Set<String> brought = ConcurrentHashMap.newKeySet();

  /// @param files what of a model is needed
  /// @param timeout for each model
  /// @param retries how often a download may be tried again that can end otherwise
  /// @param evict remove a model when its jobs are done, if this command has brought it
  public HubSource(
      HubDownload download,
      HubCache cache,
      FileSelection files,
      Duration timeout,
      int retries,
      boolean evict) {
    this.download = download;
    this.cache = cache;
    this.files = files;
    this.timeout = timeout;
    this.retries = retries;
    this.evict = evict;
  }

  @Override
  public Answer provide(String name) throws InterruptedException {
    HubDownload.Request request =
        new HubDownload.Request(name, HubDownload.DEFAULT_REVISION, files, false, timeout);
    for (int tries = 0; ; tries++) {
      switch (download.provide(request)) {
        case DownloadEnd.Complete complete -> {
          if (complete.fetchedBytes() > 0) {
            brought.add(name);
          }
          return new Answer.Here(new ModelReference.Hub(name, complete.directory()));
        }
        case DownloadEnd.Failed failed -> {
          if (tries >= retries || !failed.failure().mayPass()) {
            boolean gated = failed.failure() == DownloadEnd.Failure.GATED;
            return new Answer.Missing(
                gated ? Outcome.GATED_MODEL : Outcome.INCOMPLETE_MODEL, failed.text());
          }
        }
      }
    }
  }

  @Override
  public void done(ModelReference.Hub model) {
    if (!evict || !brought.contains(model.name())) {
      return;
    }
    for (HubCache.Snapshot snapshot : cache.snapshots(model.name())) {
      if (snapshot.directory().equals(model.directory())) {
        cache.evict(snapshot);
      }
    }
  }

  @Override
  public HubCache.Use use(ModelReference.Hub model) throws InterruptedException {
    return cache.use(model.name());
  }
}
