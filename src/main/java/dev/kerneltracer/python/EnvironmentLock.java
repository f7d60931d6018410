package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The right to make or remove one environment, held by one process at a time. The kernel gives it
/// back when its holder dies, however it dies; the file itself stays, since removing it would let
/// two holders in.
final class EnvironmentLock implements AutoCloseable {
  private static final long POLL_MILLIS = 200;

  private final FileChannel channel;

  private EnvironmentLock(FileChannel channel) {
    this.channel = channel;
  }

  /// Waits until it is free.
  ///
  /// @param waiting told who holds it meanwhile
  static EnvironmentLock take(Path file, Consumer<String> waiting) throws InterruptedException {
    try {
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      try {
        while (tryLock(channel) == null) {
          waiting.accept("waiting: another KernelTracer" + holder(channel) + " is making it");
          Thread.sleep(POLL_MILLIS);
        }
        byte[] pid = (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII);
        channel.truncate(0).write(ByteBuffer.wrap(pid), 0);
        return new EnvironmentLock(channel);
      } catch (Throwable e) {
        channel.close();
        throw e;
      }
    } catch (java.nio.channels.ClosedByInterruptException e) {
      InterruptedException interrupted = new InterruptedException();
      interrupted.initCause(e);
      throw interrupted;
    } catch (IOException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "cannot lock " + file + ": " + AtomicFile.reason(e),
          "Set KERNELTRACER_CACHE to a directory on a local disk that you may write to.",
          e);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // another thread of this process
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(20);
    channel.read(bytes, 0);
    String pid = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII).strip();
    return pid.isEmpty() ? "" : " (process " + pid + ")";
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // The lock ends with the process at the latest.
    }
  }
}
