package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.FileClaim;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;

/// The right to make or remove one environment, waited for where another process has it.
final class EnvironmentLock implements AutoCloseable {
  private static final long POLL_MILLIS = 200;

  private final FileClaim claim;

  private EnvironmentLock(FileClaim claim) {
    this.claim = claim;
  }

  /// Waits until it is free.
  ///
  /// @param waiting told who holds it meanwhile
  static EnvironmentLock take(Path file, Consumer<String> waiting) throws InterruptedException {
    try {
      FileClaim claim = FileClaim.tryTake(file);
      while (claim == null) {
        String holder = FileClaim.holder(file);
        waiting.accept("waiting: another KernelTracer" + holder + " is making it");
        Thread.sleep(POLL_MILLIS);
        claim = FileClaim.tryTake(file);
      }
      return new EnvironmentLock(claim);
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

  @Override
  public void close() {
    claim.close();
  }
}
