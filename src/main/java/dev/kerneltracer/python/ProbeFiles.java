package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/// The probe's Python files, shipped as resources and unpacked to a directory that is named by
/// their content: two versions never mix, and nothing is installed in anybody's environment.
public final class ProbeFiles {
  /// Written by the build: one path a line, relative to `/python`.
  private static final String INDEX = "/python/index.txt";

  private ProbeFiles() {}

  /// The directory to put on `PYTHONPATH`, unpacked below `cache` where it was not yet.
  public static Path unpack(Path cache) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : new String(read(INDEX), StandardCharsets.UTF_8).lines().toList()) {
      files.put(name, read("/python/" + name));
    }
    Path directory = cache.resolve("probe").resolve(contentName(files));
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path path = directory.resolve(file.getKey());
      if (!Files.exists(path)) {
        AtomicFile.write(path, out -> out.write(file.getValue()));
      }
    }
    return directory;
  }

  /// What a process that runs the probe is given besides our own environment.
  ///
  /// @param probe the directory of the probe's files
  public static Map<String, String> environment(Interpreter python, Path probe) {
    // The managed environment is complete: what else lies on a path could only contradict it.
    Map<String, String> theirs = python.origin() == Origin.MANAGED ? Map.of() : System.getenv();
    String more = theirs.getOrDefault("PYTHONPATH", "");
    return Map.of(
        "PYTHONHOME",
        theirs.getOrDefault("PYTHONHOME", ""),
        "PYTHONPATH",
        more.isEmpty() ? probe.toString() : probe + File.pathSeparator + more,
        "PYTHONUNBUFFERED",
        "1",
        // vLLM would load the probe of watch, too, which lies in the same directory.
        "KERNELTRACER_WATCH_OFF",
        "1",
        "HF_HUB_OFFLINE",
        "1",
        "TOKENIZERS_PARALLELISM",
        "false");
  }

  private static String contentName(Map<String, byte[]> files) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      files.forEach((name, content) -> {
        digest.update(name.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
        digest.update(content);
      });
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] read(String resource) {
    try (InputStream in = ProbeFiles.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException("the build left out " + resource);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
