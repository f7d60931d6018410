package dev.kerneltracer.trace;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/// Real traces among the test resources, and the large shared ones where they are at hand.
public final class TestTraces {
  public static final List<String> OWN =
      List.of(
          "cuda_graph_replay",
          "hf_llama_eager_generate",
          "hf_llama_eager_stack",
          "tp_rank0",
          "tp_rank1");

  private TestTraces() {}

  public static Path file(String name) {
    URL url = Objects.requireNonNull(TestTraces.class.getResource("/traces/" + name), name);
    try {
      return Path.of(url.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  public static Path trace(String name) {
    return file(name + ".pt.trace.json.gz");
  }

  static byte[] text(String name) {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(trace(name)))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The directory of shared traces: `KERNELTRACER_SHARED`, else `shared` beside the repository.
  public static Path shared() {
    String given = System.getenv("KERNELTRACER_SHARED");
    Path shared =
        given != null
            ? Path.of(given)
            : Path.of(System.getProperty("kerneltracer.root", ".")).resolve("../shared");
    return shared.resolve("traces");
  }
}
