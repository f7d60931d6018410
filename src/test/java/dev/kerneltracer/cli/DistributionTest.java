package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The self-contained archive of `./mvnw -Pdist package`, on a machine that has Python and nothing
/// else: no JDK, no PATH but Python's.
@Tag("real")
class DistributionTest {
  private static final long MOST_BYTES = 30L << 20;

  @TempDir Path directory;

  @Test
  void theArchiveTracesWithNothingButPythonOnThePath() throws Exception {
    Path archive = archive();
    assertThat(Files.size(archive)).isLessThanOrEqualTo(MOST_BYTES);
    run(
        Map.of("PATH", "/usr/bin:/bin"),
        "tar",
        "-xzf",
        archive.toString(),
        "-C",
        directory.toString());
    Path program;
    try (Stream<Path> unpacked = Files.list(directory)) {
      program = unpacked.findFirst().orElseThrow().resolve("bin/kerneltracer");
    }
    Path python = RealPython.transformers().executable();
    Path home = Files.createDirectory(directory.resolve("home"));
    Map<String, String> bare =
        Map.of("PATH", String.valueOf(python.getParent()), "HOME", home.toString());

    assertThat(run(bare, program.toString(), "--help")).contains("Usage: kerneltracer");
    try (Stream<Path> caches = Files.list(home.resolve(".cache/kerneltracer/aot"))) {
      assertThat(caches).as("made by the first start, to make the next ones fast").hasSize(2);
    }
    Path outputs = directory.resolve("outputs");
    String text =
        run(
            bare,
            program.toString(),
            "trace",
            "--model",
            "type:llama",
            "--tiny",
            "--tracers",
            Program.QUICK,
            "--new-tokens",
            "2",
            "-o",
            outputs.toString());

    assertThat(text).contains("aten::mm", "torch_profiler  success", "torch_dispatch  success");
    assertThat(outputs.resolve("type/llama/eval/torch_profiler/_TRACE_STATUS.json")).exists();
  }

  private static Path archive() throws IOException {
    Path target = Path.of(System.getProperty("kerneltracer.root", "."), "target");
    try (Stream<Path> files = Files.list(target)) {
      List<Path> archives =
          files
              .filter(file ->
                  file.getFileName().toString().matches("kerneltracer-.*-linux-.*\\.tar\\.gz"))
              .toList();
      assumeThat(archives).as("built with -Pdist").hasSize(1);
      return archives.getFirst();
    }
  }

  private String run(Map<String, String> environment, String... command) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
