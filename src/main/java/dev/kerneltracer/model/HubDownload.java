package dev.kerneltracer.model;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/// Downloads models of the hub into the Hugging Face cache. One object serves any number of models
/// at a time, one thread each, and bounds the transfers of all of them together. A thread that is
/// interrupted stops its model's transfers; what has come stays, and the next download of the same
/// model, by any process, goes on there.
///
/// A snapshot becomes visible when all of it is here: contents are verified under another name,
/// then linked, config.json last and the branch's name after it.
public final class HubDownload implements AutoCloseable {
  public static final int DEFAULT_WORKERS = 4;
  public static final Duration DEFAULT_TIMEOUT = Duration.ofHours(1);
  public static final String DEFAULT_REVISION = "main";

  private static final String CONFIGURATION = "config.json";

  /// What a disk keeps free for others.
  private static final long SPARE_BYTES = 64L << 20;

  private final HubSettings settings;
  private final HubCache cache;
  private final HubClient client;
  private final Semaphore workers;
  private final DownloadProgress.Counter progress = new DownloadProgress.Counter();
  private final Set<List<BlobDownload>> active = ConcurrentHashMap.newKeySet();

  /// What is wanted.
  ///
  /// @param name `org/name`
  /// @param revision a branch, a tag or a commit
  /// @param verify hash also what is there already, and fetch it again where it is damaged
  /// @param timeout for the whole model
  public record Request(
      String name, String revision, FileSelection selection, boolean verify, Duration timeout) {
    /// All that running a model takes.
    public static Request of(String name) {
      return new Request(name, DEFAULT_REVISION, FileSelection.all(), false, DEFAULT_TIMEOUT);
    }
  }

  /// @param workers how many transfers may run at once
  public HubDownload(HubSettings settings, HubCache cache, int workers) {
    this.settings = settings;
    this.cache = cache;
    this.client = new HubClient(settings);
    this.workers = new Semaphore(workers);
  }

  /// How far all downloads of this object are together.
  public DownloadProgress progress() {
    return progress.now();
  }

  /// Brings a model into the cache unless it is there and whole; then nothing is asked of the
  /// network.
  public DownloadEnd provide(Request request) throws InterruptedException {
    DownloadEnd.Complete cached = cached(request);
    return cached != null ? cached : fetch(request);
  }

  /// Brings a model's revision into the cache as the hub has it now.
  ///
  /// @throws InterruptedException where the thread was interrupted; the transfers have stopped
  public DownloadEnd fetch(Request request) throws InterruptedException {
    if (!ModelReference.isHubName(request.name())) {
      return new DownloadEnd.Failed(
          request.name(),
          DownloadEnd.Failure.NOT_FOUND,
          "is no name of a model",
          "Write it as org/name.");
    }
    if (settings.offline()) {
      DownloadEnd.Complete cached = cached(request);
      return cached != null ? cached : offline(request);
    }
    try {
      return download(request);
    } catch (HubException e) {
      return e.of(request.name());
    } catch (IOException e) {
      return HubException.ofDisk(e, cache.root().toString()).of(request.name());
    }
  }

  private DownloadEnd.Complete download(Request request)
      throws HubException, IOException, InterruptedException {
    String name = request.name();
    TimeLimit limit = TimeLimit.in(request.timeout());
    HubListing listing =
        HubListing.of(
            client, settings, name, request.revision(), request.selection(), limit, progress::say);
    List<HubFile> files = chosen(listing, request.selection());
    RepositoryFolder folder = new RepositoryFolder(cache.root(), name);
    List<HubFile> missing =
        files.stream()
            .filter(file ->
                request.verify() || !folder.isLinked(listing.commit(), file, settings.symlinks()))
            .toList();
    long bytes = files.stream().mapToLong(HubFile::sizeBytes).sum();
    long fetched = 0;
    if (!missing.isEmpty()) {
      folder.create();
      fetched = fetch(request, folder, listing.commit(), missing, limit);
      for (HubFile file : missing) {
        folder.link(listing.commit(), file.path(), file.etag(), settings.symlinks());
      }
    }
    folder.name(request.revision(), listing.commit());
    return new DownloadEnd.Complete(
        name,
        listing.commit(),
        folder.snapshot(listing.commit()),
        files.size(),
        bytes,
        fetched,
        warnings(listing, request.selection()));
  }

  /// The files to have, config.json last: it makes a snapshot count.
  private static List<HubFile> chosen(HubListing listing, FileSelection selection)
      throws HubException {
    Set<String> paths =
        Set.copyOf(selection.of(listing.files().stream().map(HubFile::path).toList()));
    List<HubFile> files =
        listing.files().stream()
            .filter(file -> paths.contains(file.path()))
            .sorted(Comparator.comparing(file -> file.path().equals(CONFIGURATION)))
            .toList();
    if (files.isEmpty()) {
      throw new HubException(
          DownloadEnd.Failure.NOT_FOUND,
          "none of its " + listing.files().size() + " files is wanted",
          "Look at --include and --exclude.");
    }
    return files;
  }

  /// The blobs of files; returns the bytes that came over the network.
  private long fetch(
      Request request, RepositoryFolder folder, String commit, List<HubFile> files, TimeLimit limit)
      throws HubException, IOException, InterruptedException {
    Map<String, BlobDownload> byEtag = new LinkedHashMap<>();
    for (HubFile file : files.reversed()) {
      URI uri = HubListing.resolve(settings, request.name(), commit, file.path());
      byEtag.computeIfAbsent(
          file.etag(),
          _ ->
              new BlobDownload(
                  client, settings, folder, file, uri, request.verify(), workers, limit, progress));
    }
    List<BlobDownload> blobs = new ArrayList<>(byEtag.values());
    blobs.forEach(BlobDownload::announce);
    active.add(blobs);
    boolean done = false;
    try {
      checkSpace();
      // One alone, config.json, tells whether the hub gives this user the model at all.
      long fetched = blobs.getFirst().run();
      fetched += all(blobs.subList(1, blobs.size()));
      done = true;
      return fetched;
    } finally {
      active.remove(blobs);
      if (!done) {
        blobs.forEach(BlobDownload::forget);
      }
    }
  }

  /// Many at once; the first failure ends them all.
  private static long all(List<BlobDownload> blobs) throws HubException, InterruptedException {
    long fetched = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      try {
        CompletionService<Long> ends = new ExecutorCompletionService<>(threads);
        for (BlobDownload blob : blobs) {
          ends.submit(blob::run);
        }
        for (int i = 0; i < blobs.size(); i++) {
          fetched += ends.take().get();
        }
      } catch (ExecutionException e) {
        switch (e.getCause()) {
          case null -> throw new IllegalStateException(e);
          case HubException failure -> throw failure;
          case InterruptedException interrupted -> throw interrupted;
          case RuntimeException bug -> throw bug;
          default -> throw new IllegalStateException(e.getCause());
        }
      } finally {
        threads.shutdownNow();
      }
    }
    return fetched;
  }

  /// Refuses what cannot fit beside what all running downloads have still to write.
  private void checkSpace() throws HubException, IOException {
    long missing = 0;
    for (List<BlobDownload> blobs : active) {
      missing += blobs.stream().mapToLong(BlobDownload::missingBytes).sum();
    }
    long free = Files.getFileStore(cache.root()).getUsableSpace();
    if (missing > 0 && missing + Math.min(SPARE_BYTES, missing / 20) > free) {
      throw new HubException(
          DownloadEnd.Failure.NO_SPACE,
          String.format(
              "needs %s more, but %s are free in %s", size(missing), size(free), cache.root()),
          "Free some space, or set HF_HUB_CACHE to a directory on a larger disk.");
    }
  }

  private static String size(long bytes) {
    return bytes >= 100 << 20
        ? String.format("%.1f GiB", bytes / (double) (1 << 30))
        : String.format("%.1f MiB", bytes / (double) (1 << 20));
  }

  private static List<String> warnings(HubListing listing, FileSelection selection) {
    List<String> paths = listing.files().stream().map(HubFile::path).toList();
    List<String> warnings = new ArrayList<>();
    if (!paths.contains(CONFIGURATION)) {
      warnings.add("it has no config.json, so Transformers cannot load it");
    }
    if (selection.weights()
        && selection.include().isEmpty()
        && FileSelection.weightFiles(paths).isEmpty()) {
      boolean gguf = paths.stream().anyMatch(path -> path.endsWith(".gguf"));
      warnings.add("it has no weights as safetensors or .bin" + (gguf ? ", only as GGUF" : ""));
    }
    return warnings;
  }

  private DownloadEnd.@Nullable Complete cached(Request request) {
    if (!request.selection().include().isEmpty() || request.verify()) {
      return null;
    }
    HubCache.Snapshot snapshot;
    try {
      snapshot = cache.snapshot(request.name(), request.revision());
      if (snapshot == null
          || !SnapshotCheck.of(snapshot, false).isComplete(request.selection().weights())) {
        return null;
      }
    } catch (UserException e) {
      return null; // unreadable: fetched again where it can be
    }
    return new DownloadEnd.Complete(
        request.name(),
        snapshot.commit(),
        snapshot.directory(),
        snapshot.files(),
        snapshot.sizeBytes(),
        0,
        List.of());
  }

  private DownloadEnd.Failed offline(Request request) {
    HubCache.Snapshot snapshot = cache.snapshot(request.name(), request.revision());
    String state = snapshot == null ? "is not in the Hugging Face cache" : "is incomplete there";
    return new DownloadEnd.Failed(
        request.name(),
        DownloadEnd.Failure.OFFLINE,
        state + " (" + cache.root() + "), and nothing may be downloaded",
        "Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, or leave out --offline.");
  }

  @Override
  public void close() {
    client.close();
  }
}
