package dev.kerneltracer.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/// What stands behind standard input, output or error. `System.console()` is not asked: it tells of
/// both streams together and loads a line editor.
final class Terminal {
  private static final int DEFAULT_WIDTH = 80;
  private static final int DEFAULT_HEIGHT = 24;
  private static final int NARROWEST = 20;

  /// `TIOCGWINSZ` of Linux on x86-64 and aarch64: fills `struct winsize {rows, columns, …}`.
  private static final long GET_WINDOW_SIZE = 0x5413;

  private static final int COLUMNS_OFFSET = 2;

  private final int descriptor;
  private final Map<String, String> environment;

  private Terminal(int descriptor, Map<String, String> environment) {
    this.descriptor = descriptor;
    this.environment = environment;
  }

  static Terminal stdin() {
    return new Terminal(0, System.getenv());
  }

  static Terminal stdout() {
    return new Terminal(1, System.getenv());
  }

  static Terminal stderr() {
    return new Terminal(2, System.getenv());
  }

  /// Whether a person sees it, on something that can move its cursor.
  boolean isTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      boolean device =
          target.startsWith("/dev/pts/")
              || target.startsWith("/dev/tty")
              || target.equals("/dev/console");
      return device && !environment.getOrDefault("TERM", "").equals("dumb");
    } catch (IOException e) {
      return false;
    }
  }

  /// Columns that a line may take; without bound where a file or pipe is written, unless COLUMNS is
  /// set. Asked anew each time, since windows change.
  int width() {
    String columns = environment.getOrDefault("COLUMNS", "");
    if (columns.matches("[0-9]{1,5}") && Integer.parseInt(columns) > 0) {
      return Math.max(NARROWEST, Integer.parseInt(columns));
    }
    if (!isTerminal()) {
      return Integer.MAX_VALUE;
    }
    int width = windowSize(COLUMNS_OFFSET);
    return width <= 0 ? DEFAULT_WIDTH : Math.max(NARROWEST, width);
  }

  /// Lines that are seen at once; without bound where a file or pipe is written.
  int height() {
    if (!isTerminal()) {
      return Integer.MAX_VALUE;
    }
    int height = windowSize(0);
    return height <= 0 ? DEFAULT_HEIGHT : height;
  }

  /// Colour is for terminals, and not for those who set NO_COLOR.
  boolean hasColour() {
    return environment.getOrDefault("NO_COLOR", "").isEmpty() && isTerminal();
  }

  @SuppressWarnings("restricted")
  private int windowSize(int offset) {
    try (Arena arena = Arena.ofConfined()) {
      Linker linker = Linker.nativeLinker();
      MethodHandle ioctl =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("ioctl"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.ADDRESS),
              Linker.Option.firstVariadicArg(2));
      MemorySegment size = arena.allocate(8, 8);
      int result = (int) ioctl.invokeExact(descriptor, GET_WINDOW_SIZE, size);
      return result == 0 ? Short.toUnsignedInt(size.get(ValueLayout.JAVA_SHORT, offset)) : 0;
    } catch (Throwable e) {
      return 0; // a width is a nicety: no failure to find it may end a run
    }
  }
}
