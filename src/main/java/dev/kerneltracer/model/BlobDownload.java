package dev.kerneltracer.model;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Brings one blob into the cache: under the lock that huggingface_hub takes too, on from what an
/// earlier process left, and verified before it gets its name.
final class BlobDownload {
  private static final Duration LOCK_POLL = Duration.ofMillis(100);

  /// So often is a file begun anew after a wrong hash. What is wrong the first time may be what was
  /// there before.
  private static final int MOST_UNUSABLE = 2;

  /// So often where the server breaks off and ignores `Range`.
  private static final int MOST_RESTARTS = 5;

  /// The hub's servers refuse more than 50 GB in one answer.
  private static final long MOST_AT_ONCE = 40_000_000_000L;

  private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d+)-.*");

  private final HubClient client;
  private final HubSettings settings;
  private final RepositoryFolder folder;
  private final HubFile file;
  private final URI uri;
  private final boolean verify;
  private final Semaphore workers;
  private final TimeLimit limit;
  private final DownloadProgress.Counter progress;

  private volatile long countedBytes;
  private long fetchedBytes;
  private volatile boolean done;

  /// @param verify hash it even where it is there already, and fetch it again where it is damaged
  /// @param workers how many transfers may run at once
  BlobDownload(
      HubClient client,
      HubSettings settings,
      RepositoryFolder folder,
      HubFile file,
      URI uri,
      boolean verify,
      Semaphore workers,
      TimeLimit limit,
      DownloadProgress.Counter progress) {
    this.client = client;
    this.settings = settings;
    this.folder = folder;
    this.file = file;
    this.uri = uri;
    this.verify = verify;
    this.workers = workers;
    this.limit = limit;
    this.progress = progress;
  }

  /// Says beforehand what there is to do.
  void announce() {
    progress.plan(1, file.sizeBytes());
  }

  /// Returns when the blob is there and whole.
  ///
  /// @return the bytes that came over the network
  long run() throws HubException, InterruptedException {
    try {
      while (!tryOnce()) {
        progress.say("waiting: another process is fetching " + file.path());
        count(sizeOf(folder.incomplete(file.etag())));
        limit.sleep(LOCK_POLL);
      }
      count(file.sizeBytes());
      done = true;
      progress.fileDone();
      return fetchedBytes;
    } catch (ClosedByInterruptException e) {
      throw (InterruptedException) new InterruptedException().initCause(e);
    } catch (IOException e) {
      throw HubException.ofDisk(e, folder.blobs().toString());
    }
  }

  /// False where another has the blob in hand. Whoever waits for that keeps no worker busy.
  private boolean tryOnce() throws IOException, HubException, InterruptedException {
    if (!verify && isThere()) {
      return true;
    }
    while (!workers.tryAcquire(limit.left().toNanos(), TimeUnit.NANOSECONDS)) {
      limit.left();
    }
    try (HubLock content = HubLock.tryAlone(folder.contentLock(file.etag()));
        HubLock blob = content == null ? null : HubLock.tryAlone(folder.lock(file.etag()))) {
      if (blob == null) {
        return false;
      }
      boolean there = isThere() && (!verify || isWhole(folder.blob(file.etag())));
      return there || isTakenFromAnotherModel() || isFetched();
    } finally {
      workers.release();
    }
  }

  private boolean isThere() {
    return sizeOf(folder.blob(file.etag())) == file.sizeBytes();
  }

  /// The same content in another model's folder: one more name for it costs nothing.
  private boolean isTakenFromAnotherModel() throws IOException, HubException, InterruptedException {
    List<Path> others;
    try (Stream<Path> models = Files.list(folder.cache())) {
      others =
          models
              .filter(model -> model.getFileName().toString().startsWith("models--"))
              .map(model -> model.resolve("blobs").resolve(file.etag()))
              .filter(other -> sizeOf(other) == file.sizeBytes() && !Files.isSymbolicLink(other))
              .filter(other -> !other.equals(folder.blob(file.etag())))
              .toList();
    }
    for (Path other : others) {
      if (isWhole(other)) {
        Path temporary = folder.blobs().resolve(file.etag() + ".linked.incomplete");
        try {
          Files.deleteIfExists(temporary);
          Files.createLink(temporary, other);
          Files.move(temporary, folder.blob(file.etag()), StandardCopyOption.ATOMIC_MOVE);
          Files.deleteIfExists(temporary); // renaming one name of a file to another does nothing
          Files.deleteIfExists(folder.incomplete(file.etag()));
          return true;
        } catch (UnsupportedOperationException | FileSystemException e) {
          Files.deleteIfExists(temporary);
          return false; // no hard links here: it is fetched
        }
      }
    }
    return false;
  }

  /// True at the end; false where a process that does not honour the lock writes the same file.
  private boolean isFetched() throws IOException, HubException, InterruptedException {
    Path incomplete = folder.incomplete(file.etag());
    try (FileChannel out =
        FileChannel.open(
            incomplete,
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      // On network file systems flock may let everybody in; these locks are of another kind.
      FileLock lock = tryLock(out);
      if (lock == null) {
        return false;
      }
      fetch(out);
      out.force(true);
      Files.move(incomplete, folder.blob(file.etag()), StandardCopyOption.ATOMIC_MOVE);
      return true;
    }
  }

  private void fetch(FileChannel out) throws IOException, HubException, InterruptedException {
    BlobHash hash = BlobHash.of(file.etag());
    Retries retries = new Retries(settings.firstWait(), limit, progress::say);
    Transfer transfer = new Transfer(out, hash);
    int unusable = 0;
    while (true) {
      try {
        if (transfer.atByte == file.sizeBytes()) {
          if (hash.matches(transfer.digest, file.etag())) {
            return;
          }
          throw new Unusable("its hash is not the one that the hub names");
        }
        transfer.receive(retries);
      } catch (Unusable e) {
        transfer.discard();
        if (++unusable > MOST_UNUSABLE) {
          Files.deleteIfExists(folder.incomplete(file.etag()));
          throw new HubException(
              DownloadEnd.Failure.CORRUPT,
              "what the server sends for " + file.path() + " is unusable: " + e.getMessage(),
              "Nothing of it was kept. Try later, or another HF_ENDPOINT.");
        }
      } catch (TransientFailure e) {
        retries.waitAfter(e);
      }
    }
  }

  /// The file as it grows, with the hash of what it holds.
  private final class Transfer {
    private final FileChannel out;
    private final BlobHash hash;
    private MessageDigest digest;
    private long atByte;

    /// The most that was ever here, so that what comes once more is not taken for progress.
    private long furthestByte;

    private int restarts;

    /// Begins behind what is there already.
    Transfer(FileChannel out, BlobHash hash) throws IOException, HubException {
      this.out = out;
      this.hash = hash;
      this.digest = hash.begin(file.sizeBytes());
      if (out.size() > file.sizeBytes()) {
        out.truncate(0);
      }
      this.atByte = out.size();
      this.furthestByte = atByte;
      digestStart(out, atByte, digest);
    }

    /// Begins again since what came was wrong.
    void discard() throws IOException {
      furthestByte = 0;
      restart();
    }

    private void restart() throws IOException {
      out.truncate(0);
      digest = hash.begin(file.sizeBytes());
      atByte = 0;
      count(0);
    }

    /// Asks for what is missing and appends what comes.
    void receive(Retries retries)
        throws IOException, HubException, TransientFailure, InterruptedException, Unusable {
      long from = atByte;
      long to = Math.min(file.sizeBytes(), from + MOST_AT_ONCE);
      String range = from > 0 || to < file.sizeBytes() ? "bytes=" + from + "-" + (to - 1) : null;
      try (HubClient.Answer answer = client.get(uri, range, limit)) {
        accept(answer, from);
        List<ByteBuffer> buffers;
        while ((buffers = answer.body().next(limit.atMost(settings.stallTimeout()))) != null) {
          limit.left();
          for (ByteBuffer buffer : buffers) {
            append(buffer);
          }
          if (atByte > furthestByte) {
            furthestByte = atByte;
            retries.progress();
          }
        }
      }
      if (atByte == from) {
        throw new TransientFailure(HubClient.shown(uri) + " ends without a byte");
      }
    }

    private void accept(HubClient.Answer answer, long from)
        throws IOException, TransientFailure, Unusable {
      String encoding = answer.headers().firstValue("Content-Encoding").orElse("identity");
      if (!encoding.equals("identity")) {
        throw new Unusable("the server compresses it, which was not asked for");
      }
      long start = start(answer);
      if (start != from && start != 0) {
        throw new Unusable("the server sends from byte " + start + ", not from " + from);
      }
      if (start != from) {
        // It ignores Range and begins anew: what was there is of no use.
        restart();
      }
      if (start == 0 && furthestByte > 0) {
        if (++restarts > MOST_RESTARTS) {
          throw new TransientFailure(
              "the server breaks off and cannot go on with a part", Duration.ofDays(1));
        }
      }
    }

    private void append(ByteBuffer buffer) throws IOException, Unusable {
      int length = buffer.remaining();
      if (atByte + length > file.sizeBytes()) {
        throw new Unusable("it is longer than the hub says");
      }
      digest.update(buffer.duplicate());
      while (buffer.hasRemaining()) {
        out.write(buffer, atByte + length - buffer.remaining());
      }
      atByte += length;
      countedBytes = atByte;
      fetchedBytes += length;
      progress.fetched(length);
    }
  }

  private static long start(HubClient.Answer answer) {
    if (answer.status() != 206) {
      return 0;
    }
    Matcher range =
        CONTENT_RANGE.matcher(answer.headers().firstValue("Content-Range").orElse("").strip());
    return range.matches() ? Long.parseLong(range.group(1)) : 0;
  }

  /// Takes what is there already into the hash.
  private void digestStart(FileChannel in, long length, MessageDigest digest)
      throws IOException, HubException {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    long atByte = 0;
    while (atByte < length) {
      limit.left();
      buffer.clear().limit((int) Math.min(buffer.capacity(), length - atByte));
      int read = in.read(buffer, atByte);
      if (read < 0) {
        throw new IOException("the file became shorter");
      }
      digest.update(buffer.flip());
      atByte += read;
      count(atByte);
    }
  }

  private boolean isWhole(Path blob) throws IOException, HubException {
    BlobHash hash = BlobHash.of(file.etag());
    MessageDigest digest = hash.begin(file.sizeBytes());
    try (FileChannel in = FileChannel.open(blob)) {
      if (in.size() != file.sizeBytes()) {
        return false;
      }
      digestStart(in, in.size(), digest);
    }
    boolean whole = hash.matches(digest, file.etag());
    if (!whole) {
      count(0);
    }
    return whole;
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  /// Makes the progress say so many bytes of this file.
  private void count(long bytes) {
    long bounded = Math.min(bytes, file.sizeBytes());
    progress.here(bounded - countedBytes);
    countedBytes = bounded;
  }

  /// What is still to be written to the disk.
  long missingBytes() {
    if (isThere()) {
      return 0;
    }
    return file.sizeBytes() - Math.min(file.sizeBytes(), sizeOf(folder.incomplete(file.etag())));
  }

  /// Takes this file out of the progress, since its model has failed.
  void forget() {
    progress.drop(done ? 1 : 0, file.sizeBytes(), countedBytes);
  }

  private static long sizeOf(Path path) {
    try {
      return Files.size(path);
    } catch (IOException e) {
      return path.toString().endsWith(".incomplete") ? 0 : -1;
    }
  }

  /// What came cannot be the beginning of the file.
  private static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    Unusable(String reason) {
      super(reason);
    }
  }
}
