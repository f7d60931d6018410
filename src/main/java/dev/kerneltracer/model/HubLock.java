package dev.kerneltracer.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A `flock(2)` lock on a file, as huggingface_hub's filelock takes it. Java's own file locks are
/// `fcntl(2)` locks, which do not see those of flock; so the system call is made here, by the
/// foreign function interface. It holds between threads too, and the kernel takes it back however
/// its holder ends; the file stays, since removing it would let two holders in.
final class HubLock implements AutoCloseable {
  private static final int LOCK_SH = 1;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;

  private static final int O_RDWR = 2;
  private static final int O_RDONLY = 0;
  private static final int O_CLOEXEC = 0x80000;

  private static final int EINTR = 4;
  private static final int EAGAIN = 11;
  private static final int EACCES = 13;
  private static final int EROFS = 30;
  private static final int ENOSYS = 38;
  private static final int EOPNOTSUPP = 95;
  private static final int ENOLCK = 37;

  private final int descriptor;

  private HubLock(int descriptor) {
    this.descriptor = descriptor;
  }

  /// Takes it for itself alone, or returns null where another process or thread has it.
  ///
  /// @throws IOException where the file cannot be made or opened
  static @Nullable HubLock tryAlone(Path file) throws IOException {
    return tryTake(file, LOCK_EX);
  }

  /// Takes it together with others of this kind, or returns null where one has it alone.
  static @Nullable HubLock tryShared(Path file) throws IOException {
    return tryTake(file, LOCK_SH);
  }

  private static @Nullable HubLock tryTake(Path file, int kind) throws IOException {
    create(file);
    while (true) {
      int descriptor = Native.open(file);
      HubLock lock = new HubLock(descriptor);
      int error = Native.flock(descriptor, kind | LOCK_NB);
      if (error == EAGAIN || error == EACCES) {
        lock.close();
        return null;
      }
      if (error == EINTR) {
        lock.close();
        continue;
      }
      // A file system without such locks: what is downloaded is verified all the same.
      boolean none = error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK;
      if (error != 0 && !none) {
        lock.close();
        throw new FileSystemException(file.toString(), null, "cannot lock (error " + error + ")");
      }
      if (lock.isOf(file)) {
        return lock;
      }
      lock.close(); // removed and made anew meanwhile: that one is the lock
      create(file);
    }
  }

  /// Groups that share a cache must be able to wait for each other, whatever the umask: 0664, as
  /// huggingface_hub makes it.
  private static void create(Path file) throws IOException {
    if (Files.exists(file)) {
      return;
    }
    Files.createDirectories(file.resolveSibling(""));
    try {
      Files.createFile(file);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r--"));
    } catch (FileAlreadyExistsException e) {
      // another was quicker
    } catch (UnsupportedOperationException e) {
      // no such permissions here
    }
  }

  private boolean isOf(Path file) throws IOException {
    try {
      Object here = Files.getAttribute(file, "unix:ino");
      return Objects.equals(
          here, Files.getAttribute(Path.of("/proc/self/fd/" + descriptor), "unix:ino"));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /// Gives it back.
  @Override
  public void close() {
    Native.close(descriptor);
  }

  /// The system calls.
  private static final class Native {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
        STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle OPEN =
        handle(
            "open",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle FLOCK =
        handle(
            "flock",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle CLOSE =
        handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private Native() {}

    @SuppressWarnings("restricted")
    private static MethodHandle handle(
        String name, FunctionDescriptor descriptor, Linker.Option... options) {
      Linker.Option[] all = new Linker.Option[options.length + 1];
      System.arraycopy(options, 0, all, 0, options.length);
      all[options.length] = Linker.Option.captureCallState("errno");
      return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor, all);
    }

    /// Reading is enough for a lock of one's own file system; a network file system wants writing.
    static int open(Path file) throws IOException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment state = arena.allocate(STATE);
        MemorySegment path = arena.allocateFrom(file.toAbsolutePath().toString());
        for (int access : new int[] {O_RDWR, O_RDONLY}) {
          int descriptor = (int) OPEN.invokeExact(state, path, access | O_CLOEXEC);
          int error = descriptor >= 0 ? 0 : (int) ERRNO.get(state, 0L);
          if (descriptor >= 0) {
            return descriptor;
          }
          if (error != EACCES && error != EROFS) {
            throw new FileSystemException(
                file.toString(), null, "cannot open (error " + error + ")");
          }
        }
        throw new AccessDeniedException(file.toString());
      } catch (IOException e) {
        throw e;
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }

    /// 0, or the error.
    static int flock(int descriptor, int operation) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment state = arena.allocate(STATE);
        int result = (int) FLOCK.invokeExact(state, descriptor, operation);
        return result == 0 ? 0 : (int) ERRNO.get(state, 0L);
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }

    static void close(int descriptor) {
      try (Arena arena = Arena.ofConfined()) {
        int _ = (int) CLOSE.invokeExact(arena.allocate(STATE), descriptor);
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
