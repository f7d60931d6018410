package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubLockTest {
  @TempDir Path directory;

  @Test
  void oneHasItAtATimeEvenWithinAProcess() throws IOException {
    Path file = directory.resolve("deep/er/x.lock");
    try (HubLock held = HubLock.tryAlone(file)) {
      assertThat(held).isNotNull();
      assertThat(HubLock.tryAlone(file)).isNull();
      assertThat(HubLock.tryShared(file)).isNull();
    }
    try (HubLock one = HubLock.tryShared(file);
        HubLock two = HubLock.tryShared(file)) {
      assertThat(one).isNotNull();
      assertThat(two).isNotNull();
      assertThat(HubLock.tryAlone(file)).isNull();
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-rw-r--");
  }

  /// The program flock(1) makes the system call that Python's filelock makes.
  @Test
  void flockSeesItAndIsSeen() throws Exception {
    Path file = directory.resolve("x.lock");
    Files.createFile(file);
    Process holder =
        new ProcessBuilder("flock", file.toString(), "sh", "-c", "echo held; read line").start();
    holder.getInputStream().read();

    assertThat(HubLock.tryAlone(file)).isNull();
    holder.getOutputStream().close();
    holder.waitFor();

    try (HubLock held = HubLock.tryAlone(file)) {
      assertThat(held).isNotNull();
      Process other = new ProcessBuilder("flock", "--nonblock", file.toString(), "true").start();
      assertThat(other.waitFor()).isEqualTo(1);
    }
  }

  @Test
  void aChildProcessDoesNotInheritIt() throws Exception {
    Path file = directory.resolve("x.lock");
    Process child;
    try (HubLock held = HubLock.tryAlone(file)) {
      assertThat(held).isNotNull();
      child = new ProcessBuilder("sleep", "30").start();
    }
    try (HubLock again = HubLock.tryAlone(file)) {
      assertThat(again).isNotNull();
    } finally {
      child.destroyForcibly();
    }
  }

  @Test
  void aFileThatWasMadeAnewIsTheLock() throws IOException {
    Path file = directory.resolve("x.lock");
    try (HubLock old = HubLock.tryAlone(file)) {
      assertThat(old).isNotNull();
      Files.delete(file);
      try (HubLock held = HubLock.tryAlone(file)) {
        assertThat(held).isNotNull();
        assertThat(HubLock.tryAlone(file)).isNull();
      }
    }
  }
}
