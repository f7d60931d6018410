package dev.kerneltracer.model;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// One model's folder in the cache, `models--ORG--NAME`, as huggingface_hub lays it out:
/// `blobs/ETAG` holds contents, `snapshots/COMMIT/PATH` links to them, `refs/BRANCH` names a
/// commit.
///
/// @param cache the cache's root
/// @param name `org/name`
record RepositoryFolder(Path cache, String name) {
  private static final String CACHE_TAG =
      """
      Signature: 8a477f597d28d172789f06886806bc55
      # This file is a cache directory tag created by huggingface_hub.
      # For information about cache directory tags, see:
      #     http://www.brynosaurus.com/cachedir/
      """;

  Path path() {
    return cache.resolve(folder());
  }

  private String folder() {
    return "models--" + name.replace("/", "--");
  }

  Path blobs() {
    return path().resolve("blobs");
  }

  Path blob(String etag) {
    return blobs().resolve(etag);
  }

  /// What has come of a blob so far, from its start; any process may go on with it.
  Path incomplete(String etag) {
    return blobs().resolve(etag + ".incomplete");
  }

  Path snapshots() {
    return path().resolve("snapshots");
  }

  Path snapshot(String commit) {
    return snapshots().resolve(commit);
  }

  Path refs() {
    return path().resolve("refs");
  }

  /// The lock that huggingface_hub takes for a blob.
  Path lock(String etag) {
    return cache.resolve(".locks").resolve(folder()).resolve(etag + ".lock");
  }

  /// Ours, for the same content in any model.
  Path contentLock(String etag) {
    return cache.resolve(".locks").resolve("kerneltracer").resolve(etag + ".lock");
  }

  /// Ours: shared by those who read the model's files, taken alone by who removes them.
  Path useLock() {
    return cache.resolve(".locks").resolve(folder()).resolve("kerneltracer-use.lock");
  }

  /// The commit of a branch, a tag or a commit, as far as the cache knows; null where it does not.
  @Nullable String commit(String revision) {
    try {
      Path ref = refs().resolve(revision).normalize();
      if (ref.startsWith(refs()) && Files.isRegularFile(ref)) {
        return Files.readString(ref).strip();
      }
    } catch (IOException e) {
      return null;
    }
    Path snapshot = snapshot(revision).normalize();
    return snapshots().equals(snapshot.getParent()) && Files.isDirectory(snapshot)
        ? revision
        : null;
  }

  /// Makes the folders, and tags the cache for backup programs.
  void create() throws IOException {
    Files.createDirectories(blobs());
    Path tag = cache.resolve("CACHEDIR.TAG");
    if (!Files.exists(tag)) {
      Files.writeString(tag, CACHE_TAG);
    }
  }

  /// Makes a snapshot's file show a blob: by a relative link, renamed into place, or as one more
  /// name of the same file, or a copy, where links are not wanted or not possible.
  void link(String commit, String file, String etag, boolean symlinks) throws IOException {
    Path pointer = snapshot(commit).resolve(file);
    Path blob = blob(etag);
    Files.createDirectories(pointer.resolveSibling(""));
    Path temporary = pointer.resolveSibling("." + suffix() + ".tmp");
    try {
      try {
        if (symlinks) {
          Files.createSymbolicLink(temporary, pointer.resolveSibling("").relativize(blob));
        } else {
          Files.createLink(temporary, blob);
        }
      } catch (UnsupportedOperationException | FileSystemException e) {
        Files.copy(blob, temporary);
      }
      Files.move(temporary, pointer, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /// Whether a snapshot's file is there with that content, as far as its size tells.
  boolean isLinked(String commit, HubFile file, boolean symlinks) {
    Path pointer = snapshot(commit).resolve(file.path());
    try {
      if (Files.size(pointer) != file.sizeBytes()) {
        return false;
      }
      return !symlinks
          || !Files.isSymbolicLink(pointer)
          || Files.readSymbolicLink(pointer).getFileName().toString().equals(file.etag());
    } catch (IOException e) {
      return false;
    }
  }

  /// Makes a branch or tag name a commit; a commit needs no such name.
  void name(String revision, String commit) throws IOException {
    if (revision.equals(commit)) {
      return;
    }
    Path ref = refs().resolve(revision).normalize();
    if (!ref.startsWith(refs()) || ref.equals(refs())) {
      throw new IOException("no name of a branch: " + revision);
    }
    try {
      if (Files.readString(ref).equals(commit)) {
        return;
      }
    } catch (NoSuchFileException e) {
      Files.createDirectories(ref.resolveSibling(""));
    }
    Path temporary = ref.resolveSibling(ref.getFileName() + "." + suffix() + ".tmp");
    try {
      Files.writeString(temporary, commit);
      Files.move(temporary, ref, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static String suffix() {
    return String.format("%08x", ThreadLocalRandom.current().nextInt());
  }
}
