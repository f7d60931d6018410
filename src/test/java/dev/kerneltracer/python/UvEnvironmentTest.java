package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real uv, which comes from the package index.
@Tag("real")
class UvEnvironmentTest {
  @TempDir Path directory;

  @Test
  void uvMakesItWithItsOwnSettings() throws IOException, InterruptedException {
    Path tools = directory.resolve("tools");
    String base = RealPython.any().executable().toString();
    run(base, "-m", "venv", tools.toString());
    run(tools.resolve("bin/python").toString(), "-m", "pip", "install", "--quiet", "uv");
    Path bin = Files.createDirectories(directory.resolve("bin"));
    Files.createSymbolicLink(bin.resolve("uv"), tools.resolve("bin/uv"));
    FakePrograms.script(bin.resolve("python3"), "exec " + base + " \"$@\"");
    TinyPackages.wheel(directory.resolve("wheels"), "ktalpha", "1.0");
    TinyPackages.wheel(directory.resolve("wheels"), "ktbeta", "2.0");
    Map<String, String> environment = new HashMap<>();
    environment.put("PATH", bin.toString());
    environment.put("HOME", directory.toString());
    environment.put("UV_OFFLINE", "1");
    environment.put("UV_FIND_LINKS", directory.resolve("wheels").toString());
    // pip alone could not do it.
    environment.put("PIP_NO_INDEX", "1");
    List<String> progress = new ArrayList<>();

    Interpreter made =
        new ManagedEnvironment(
                MakeTinyEnvironment.lock(),
                new CacheDirectory(directory.resolve("cache")),
                environment)
            .make(progress::add);

    assertThat(progress).contains("downloading 2 packages", "checking");
    assertThat(made.executable().resolve("../../../ready.json").normalize())
        .content()
        .contains("\"client\":\"uv\"");
  }

  private static void run(String... command) throws IOException, InterruptedException {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }
}
