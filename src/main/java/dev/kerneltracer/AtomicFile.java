package dev.kerneltracer;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/// Writes a file under a temporary name beside its target and renames it when it is whole, so that
/// no reader ever sees half a file. A failure leaves no temporary file and the old target
/// untouched.
///
/// One that is written bit by bit is opened, and takes its name by [#finish]; [#close] without that
/// removes it.
public final class AtomicFile implements AutoCloseable {
  private final Path target;
  private final Path absolute;
  private final Path temporary;
  private final OutputStream out;

  private AtomicFile(Path target, Path absolute, Path temporary) throws IOException {
    this.target = target;
    this.absolute = absolute;
    this.temporary = temporary;
    this.out = new BufferedOutputStream(Files.newOutputStream(temporary), 1 << 16);
  }

  /// What fills the file; the stream is buffered and closed by [#write].
  @FunctionalInterface
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /// Begins a file, creating its directory.
  ///
  /// @throws UserException where the file cannot be written: no space, no permission, no directory
  public static AtomicFile open(Path target) {
    try {
      Files.createDirectories(target.toAbsolutePath().resolveSibling(""));
    } catch (IOException e) {
      throw failure(target, e);
    }
    return openBeside(target);
  }

  /// Begins a file in a directory that must be there: one that was deleted stays so.
  ///
  /// @throws UserException where the file cannot be written
  public static AtomicFile openBeside(Path target) {
    Path absolute = target.toAbsolutePath();
    String suffix = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    Path temporary =
        absolute.resolveSibling("." + absolute.getFileName() + "." + suffix + ".partial");
    try {
      return new AtomicFile(target, absolute, temporary);
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  /// Writes `content` to `target`, creating its directory.
  ///
  /// @throws UserException where the file cannot be written: no space, no permission, no directory
  public static void write(Path target, Content content) {
    try (AtomicFile file = open(target)) {
      file.add(content);
      file.finish();
    }
  }

  public static void writeString(Path target, String text) {
    write(target, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /// Removes what killed writers of a target left. Only for who holds a lock that keeps all others
  /// from writing it.
  public static void removeLeftovers(Path target) throws IOException {
    Path directory = target.toAbsolutePath().resolveSibling("");
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(directory, "." + target.getFileName() + ".*.partial")) {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    }
  }

  /// Writes on; the stream is buffered.
  ///
  /// @throws UserException where the disk is full
  public void add(Content content) {
    try {
      content.writeTo(out);
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  /// Gives the file its name: it is whole.
  ///
  /// @throws UserException where the disk is full
  public void finish() {
    try {
      out.close();
      Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  /// Removes what is not finished.
  @Override
  public void close() {
    try (OutputStream _ = out) {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // The temporary file is named as such; the first failure is the one worth telling.
    }
  }

  /// What a user is told of a file that could not be written.
  public static UserException failure(Path target, IOException e) {
    return new UserException(
        ExitCode.JOBS_FAILED,
        "cannot write " + target + ": " + reason(e),
        "Free some space, or choose a directory you may write to.",
        e);
  }

  /// Why a file operation failed, in words a person knows.
  public static String reason(IOException e) {
    if (e instanceof FileSystemException f && f.getReason() != null) {
      return f.getReason();
    }
    return switch (e) {
      case java.nio.file.AccessDeniedException _ -> "permission denied";
      case java.nio.file.NoSuchFileException _ -> "no such file or directory";
      case java.nio.file.FileAlreadyExistsException _ -> "a file of that name is in the way";
      default -> String.valueOf(e.getMessage());
    };
  }
}
