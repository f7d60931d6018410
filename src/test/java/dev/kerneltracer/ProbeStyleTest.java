package dev.kerneltracer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.python.CacheDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The probe's Python passes ruff, which is fetched once into the cache directory.
class ProbeStyleTest {
  private static final String VERSION = "0.17.6";
  private static final Path ROOT = Path.of(System.getProperty("kerneltracer.root", "."));
  private static final Path TOOLS =
      CacheDirectory.of(System.getenv()).path().resolve("tools/ruff-" + VERSION);

  @BeforeAll
  static void installRuff() throws Exception {
    if (!Files.isExecutable(TOOLS.resolve("bin/ruff"))) {
      run(List.of("python3", "-m", "venv", TOOLS.toString()));
      run(List.of(TOOLS + "/bin/python", "-m", "pip", "install", "-q", "ruff==" + VERSION));
    }
  }

  @Test
  void rulesHold() throws Exception {
    run(List.of(TOOLS + "/bin/ruff", "check", "src/main/python", "src/test/python"));
  }

  @Test
  void formatHolds() throws Exception {
    run(List.of(TOOLS + "/bin/ruff", "format", "--check", "src/main/python", "src/test/python"));
  }

  private static void run(List<String> command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command).directory(ROOT.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s%n%s", command, output).isZero();
  }
}
