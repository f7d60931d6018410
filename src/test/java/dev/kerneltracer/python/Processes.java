package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/// Looks at processes of this machine.
public final class Processes {
  private Processes() {}

  /// Within ten seconds. A zombie counts as gone: in a container nobody may reap orphans.
  public static void assertGone(long pid) {
    assertThat(tooLate(Duration.ofSeconds(10), () -> !isAlive(pid)))
        .as("process %d", pid)
        .isFalse();
  }

  /// Waits for something another process does; true where it did not happen in time.
  public static boolean tooLate(Duration limit, BooleanSupplier happened) {
    long end = System.nanoTime() + limit.toNanos();
    while (!happened.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return true;
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    return false;
  }

  private static boolean isAlive(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
    } catch (IOException e) {
      return false;
    }
  }
}
