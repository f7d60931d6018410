package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.python.RealPython;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `scripts/check-gpu` as far as it goes without a GPU: operators equal torch's own totals.
@Tag("real")
class GpuCheckTest {
  @TempDir Path directory;

  @Test
  void operatorsOfRealRunsEqualTorchsOwnTotals() throws Exception {
    Path root = Path.of(System.getProperty("kerneltracer.root", ".")).toAbsolutePath();
    Process process =
        new ProcessBuilder(
                root.resolve("scripts/check-gpu").toString(),
                root.resolve("target/app/bin/kerneltracer").toString(),
                directory.toString(),
                RealPython.transformers().executable().toString(),
                "--device",
                "cpu",
                "--tiny")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output.split("all equal to torch.profiler's key_averages", -1)).hasSize(5);
  }
}
