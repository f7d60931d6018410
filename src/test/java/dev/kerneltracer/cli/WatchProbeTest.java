package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.python.RealPython;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the probe of `watch` promises of its files and hooks, without vLLM
/// (`check_watch_writer.py`): nothing is lost untold, nothing grows without bound, and no error of
/// its own goes further.
class WatchProbeTest {
  private static final Path SCRIPT =
      Path.of(System.getProperty("kerneltracer.root", "."))
          .resolve("src/test/python/check_watch_writer.py");

  @TempDir Path directory;

  @Test
  void filesStayBoundedAndReadableAndFailuresStayInside() throws Exception {
    assertThat(run()).contains("all hold");
  }

  @Test
  @Tag("soak")
  void manyEventsKeepMemoryFlat() throws Exception {
    // A long soak takes as many as a busy server writes in a day.
    String events = Integer.getInteger("kerneltracer.soakMinutes", 1) >= 5 ? "10000000" : "1000000";
    assertThat(run(events)).contains(events + " events");
  }

  private String run(String... more) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>();
    words.add(RealPython.any().executable().toString());
    words.addAll(List.of("-B", SCRIPT.toString(), directory.toString()));
    words.addAll(List.of(more));
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text;
  }
}
