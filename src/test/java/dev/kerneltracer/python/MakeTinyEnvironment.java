package dev.kerneltracer.python;

import java.nio.file.Path;
import java.util.List;

/// A process of its own that makes the tiny environment: `CACHE`. Prints progress to standard error
/// and the interpreter to standard output.
final class MakeTinyEnvironment {
  static final String LOCK =
      """
      # two packages for any platform, one for none
      ktalpha==1.0
      ktbeta==2.0
      ktnever==9.0 ; sys_platform == 'win32'
      """;

  private MakeTinyEnvironment() {}

  static PackageLock lock() {
    return RealPython.lock("tiny", LOCK, List.of("ktalpha", "ktbeta"));
  }

  public static void main(String[] arguments) {
    Interpreter made =
        new ManagedEnvironment(lock(), new CacheDirectory(Path.of(arguments[0])), System.getenv())
            .make(System.err::println);
    System.out.println(made.executable());
  }
}
