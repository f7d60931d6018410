package dev.kerneltracer.python;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Whole directories: their size, their end.
public final class DirectoryTree {
  private DirectoryTree() {}

  /// The bytes of all files, links not followed; 0 where there is no such directory. What vanishes
  /// meanwhile or cannot be read does not count.
  public static long sizeBytes(Path directory) {
    AtomicLong size = new AtomicLong();
    try {
      Files.walkFileTree(
          directory,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              size.addAndGet(attributes.isRegularFile() ? attributes.size() : 0);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path file, @Nullable IOException e) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      return size.get();
    }
    return size.get();
  }

  /// The entries of a directory, sorted; none where there is no such directory.
  static List<Path> entries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.sorted().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /// Removes a directory. It gets another name first, so that a process which still writes to the
  /// old one fails instead of bringing it back.
  static void delete(Path directory) throws IOException {
    Path gone = directory.resolveSibling(".removed-" + directory.getFileName());
    try {
      Files.move(directory, gone);
    } catch (NoSuchFileException e) {
      return;
    } catch (IOException e) {
      gone = directory; // left half removed by an earlier run, or not ours to rename
    }
    List<Path> directories = new ArrayList<>();
    Files.walkFileTree(
        gone,
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
}
