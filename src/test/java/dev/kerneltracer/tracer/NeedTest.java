package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NeedTest {
  private static final Map<String, String> TRITON = Map.of("triton", "3.7.1");

  @TempDir Path directory;

  @Test
  void compiledCodeNeedsACompilerOfThePath() throws IOException {
    Map<String, String> environment = Map.of("PATH", directory.toString());
    assertThat(Need.COMPILER.missing("cpu", TRITON, environment))
        .isEqualTo("needs a C++ compiler, and there is no g++");

    Path compiler = Files.createFile(directory.resolve("g++"));
    assertThat(Need.COMPILER.missing("cpu", TRITON, environment)).as("no program").isNotNull();
    assertThat(compiler.toFile().setExecutable(true)).isTrue();
    assertThat(Need.COMPILER.missing("cpu", TRITON, environment)).isNull();
  }

  @Test
  void theCompilerThatTheUserNamesIsTakenForOne() {
    assertThat(Need.COMPILER.missing("cpu", Map.of(), Map.of("CXX", "/opt/bin/g++ -g"))).isNull();
  }

  @Test
  void compiledCodeOfAGpuNeedsTriton() {
    Map<String, String> environment = Map.of("CC", "gcc");

    assertThat(Need.COMPILER.missing("cuda", Map.of(), environment))
        .isEqualTo("needs Triton on a GPU, which this Python does not have");
    assertThat(Need.COMPILER.missing("cuda", TRITON, environment)).isNull();
  }

  @Test
  void aGpuIsMissedWhereTheCpuIsAskedForOrAllAreHidden() {
    assertThat(Need.GPU.missing("cpu", Map.of(), Map.of()))
        .isEqualTo("needs a GPU, and --device is cpu");
    assertThat(Need.GPU.missing("auto", Map.of(), Map.of("CUDA_VISIBLE_DEVICES", "-1")))
        .isEqualTo("needs a GPU, and none is here");
    assertThat(Need.GPU.missing("cuda", Map.of(), Map.of())).isNull();
  }
}
