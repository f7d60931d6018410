package dev.kerneltracer.model;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The local Hugging Face cache, as `huggingface_hub` lays it out:
/// `models--ORG--NAME/{blobs,refs,snapshots/REVISION}`.
public final class HubCache {
  private static final String MODEL = "models--";

  private final Path root;

  public HubCache(Path root) {
    this.root = root;
  }

  /// One revision of a model in the cache.
  ///
  /// @param name `org/name`
  /// @param refs the branches and tags that name this revision
  /// @param files how many, and their bytes; a link to nothing has none
  /// @param lastUsed when a file of it was last read, as far as the file system keeps that
  public record Snapshot(
      String name,
      String commit,
      Set<String> refs,
      Path directory,
      int files,
      long sizeBytes,
      Instant lastUsed) {}

  /// Says that a model's files are in use, to whoever would remove them.
  public static final class Use implements AutoCloseable {
    private final @Nullable HubLock lock;

    private Use(@Nullable HubLock lock) {
      this.lock = lock;
    }

    @Override
    public void close() {
      if (lock != null) {
        lock.close();
      }
    }
  }

  /// The cache that the environment names: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
  /// `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`.
  public static HubCache of(Map<String, String> environment) {
    for (String name : new String[] {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
      String value = environment.get(name);
      if (value != null && !value.isEmpty()) {
        return new HubCache(expanded(value));
      }
    }
    return new HubCache(home(environment).resolve("hub"));
  }

  /// `HF_HOME`, which also holds the token.
  static Path home(Map<String, String> environment) {
    String home = environment.get("HF_HOME");
    if (home != null && !home.isEmpty()) {
      return expanded(home);
    }
    String xdg = environment.get("XDG_CACHE_HOME");
    Path caches =
        xdg != null && !xdg.isEmpty()
            ? expanded(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return caches.resolve("huggingface");
  }

  /// As huggingface_hub does it, a leading `~/` is the home directory.
  static Path expanded(String path) {
    return path.startsWith("~/")
        ? Path.of(System.getProperty("user.home"), path.substring(2))
        : Path.of(path);
  }

  public Path root() {
    return root;
  }

  /// The snapshot of a model's revision `main`, or its only snapshot.
  ///
  /// @throws UserException where the model, or its config.json, is not in the cache
  public ModelReference.Hub find(String name) {
    Path directory = directory(name, HubDownload.DEFAULT_REVISION);
    if (directory == null || !Files.exists(directory.resolve("config.json"))) {
      String what =
          Files.isDirectory(new RepositoryFolder(root, name).path())
              ? "is in the Hugging Face cache without its config.json"
              : "is not in the Hugging Face cache";
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          name + " " + what + " (" + root + ")",
          "Fetch it with `kerneltracer models download "
              + name
              + "`, or use --model-path DIR, or --model type:NAME for random weights without a"
              + " download.");
    }
    return new ModelReference.Hub(name, directory);
  }

  /// The snapshot of a branch, a tag or a commit; for `main` without a name the first there is.
  /// Null where it is not in the cache.
  public @Nullable Snapshot snapshot(String name, String revision) {
    Path directory = directory(name, revision);
    return directory == null ? null : snapshot(name, directory, refs(name));
  }

  private @Nullable Path directory(String name, String revision) {
    RepositoryFolder folder = new RepositoryFolder(root, name);
    String commit = folder.commit(revision);
    if (commit != null) {
      Path directory = folder.snapshot(commit);
      return Files.isDirectory(directory) ? directory : null;
    }
    List<Path> all = list(folder.snapshots());
    return revision.equals(HubDownload.DEFAULT_REVISION) && !all.isEmpty() ? all.getFirst() : null;
  }

  /// Every model in the cache, whole or not, by name.
  public List<String> names() {
    return list(root).stream()
        .filter(Files::isDirectory)
        .map(path -> path.getFileName().toString())
        .filter(folder -> folder.startsWith(MODEL))
        .map(folder -> folder.substring(MODEL.length()).replace("--", "/"))
        .filter(ModelReference::isHubName)
        .toList();
  }

  /// Every revision of a model in the cache.
  public List<Snapshot> snapshots(String name) {
    Map<String, Set<String>> refs = refs(name);
    return list(new RepositoryFolder(root, name).snapshots()).stream()
        .filter(Files::isDirectory)
        .map(directory -> snapshot(name, directory, refs))
        .toList();
  }

  /// What interrupted downloads of a model have left, in bytes.
  public long incompleteBytes(String name) {
    long bytes = 0;
    for (Path blob : list(new RepositoryFolder(root, name).blobs())) {
      bytes += blob.toString().endsWith(".incomplete") ? size(blob) : 0;
    }
    return bytes;
  }

  /// Says that a model is in use until the result is closed, so that nobody evicts it. In a cache
  /// that cannot be written nobody can.
  public Use use(String name) throws InterruptedException {
    try {
      HubLock lock = HubLock.tryShared(new RepositoryFolder(root, name).useLock());
      while (lock == null) {
        Thread.sleep(20); // it is being evicted
        lock = HubLock.tryShared(new RepositoryFolder(root, name).useLock());
      }
      return new Use(lock);
    } catch (IOException e) {
      return new Use(null);
    }
  }

  /// Removes a snapshot, the names that lead to it, and the blobs that no other snapshot of the
  /// model shows. A process that is killed in between leaves a snapshot without its config.json,
  /// which counts as not there.
  ///
  /// @return the bytes that are free now; -1 where the model is in use, and nothing was removed
  /// @throws UserException where it cannot be removed
  public long evict(Snapshot snapshot) {
    RepositoryFolder folder = new RepositoryFolder(root, snapshot.name());
    try (HubLock alone = HubLock.tryAlone(folder.useLock())) {
      return alone == null ? -1 : remove(folder, snapshot);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "cannot remove " + snapshot.directory() + ": " + AtomicFile.reason(e),
          null,
          e);
    }
  }

  private long remove(RepositoryFolder folder, Snapshot snapshot) throws IOException {
    Set<String> etags = targets(snapshot.directory());
    Files.deleteIfExists(snapshot.directory().resolve("config.json"));
    for (String ref : snapshot.refs()) {
      Files.deleteIfExists(folder.refs().resolve(ref));
    }
    delete(snapshot.directory());
    Files.deleteIfExists(folder.path().resolve("trees").resolve(snapshot.commit() + ".json"));
    long freed = 0;
    for (String etag : etags) {
      // A blob that somebody has in hand is not ours to remove.
      try (HubLock lock = HubLock.tryAlone(folder.lock(etag))) {
        if (lock != null && !shown(folder).contains(etag)) {
          Path blob = folder.blob(etag);
          boolean last = !Files.isSymbolicLink(blob) && names(blob) == 1;
          long size = last ? size(blob) : 0;
          Files.deleteIfExists(blob);
          freed += size;
        }
      }
    }
    if (list(folder.snapshots()).isEmpty() && list(folder.blobs()).isEmpty()) {
      delete(folder.path());
    }
    return freed;
  }

  /// The blobs that any snapshot of the model shows.
  private static Set<String> shown(RepositoryFolder folder) throws IOException {
    Set<String> all = new HashSet<>();
    for (Path directory : list(folder.snapshots())) {
      all.addAll(targets(directory));
    }
    return all;
  }

  private static Set<String> targets(Path directory) throws IOException {
    Set<String> targets = new TreeSet<>();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isSymbolicLink).toList()) {
        targets.add(Files.readSymbolicLink(file).getFileName().toString());
      }
    }
    return targets;
  }

  /// How many names a file has: one blob may serve several models.
  private static int names(Path file) throws IOException {
    try {
      return (Integer) Files.getAttribute(file, "unix:nlink");
    } catch (NoSuchFileException e) {
      return 0;
    }
  }

  private Map<String, Set<String>> refs(String name) {
    Path refs = new RepositoryFolder(root, name).refs();
    Map<String, Set<String>> byCommit = new TreeMap<>();
    if (Files.isDirectory(refs)) {
      try (Stream<Path> files = Files.walk(refs)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          byCommit
              .computeIfAbsent(Files.readString(file).strip(), _ -> new TreeSet<>())
              .add(refs.relativize(file).toString());
        }
      } catch (IOException e) {
        return byCommit;
      }
    }
    return byCommit;
  }

  private static Snapshot snapshot(String name, Path directory, Map<String, Set<String>> refs) {
    String commit = directory.getFileName().toString();
    Map<Path, Long> sizes = new LinkedHashMap<>();
    Instant lastUsed = Instant.EPOCH;
    int files = 0;
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path file : all.filter(path -> !Files.isDirectory(path)).toList()) {
        files++;
        if (Files.exists(file)) {
          BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
          sizes.put(file.toRealPath(), attributes.size());
          Instant used = attributes.lastAccessTime().toInstant();
          lastUsed = used.isAfter(lastUsed) ? used : lastUsed;
        }
      }
    } catch (IOException e) {
      // What can be seen of it counts; SnapshotCheck says what is wrong.
    }
    long size = sizes.values().stream().mapToLong(Long::longValue).sum();
    Set<String> named = refs.getOrDefault(commit, Set.of());
    return new Snapshot(name, commit, named, directory, files, size, lastUsed);
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    List<Path> directories = new ArrayList<>();
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) {
            directories.add(path);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }
        });
    for (Path path : directories.reversed()) {
      Files.deleteIfExists(path);
    }
  }

  /// The entries of a directory, sorted; none where there is no such directory.
  private static List<Path> list(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.sorted().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0;
    }
  }
}
