package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A day of a server: the reader's memory does not grow with it.
@Tag("soak")
class ManyEventsTest {
  private static final long MOST_GROWTH_BYTES = 4 << 20;

  @TempDir private Path directory;

  @Test
  void memoryIsFlatHoweverManyEventsThereWere() throws IOException, InterruptedException {
    boolean longSoak = Integer.getInteger("kerneltracer.soakMinutes", 1) >= 10;
    long events = longSoak ? 10_000_000 : 1_000_000;
    Path session = directory.resolve("session");
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin/java").toString(),
                    "-Xmx64m",
                    "-XX:+UseSerialGC",
                    "-cp",
                    System.getProperty("java.class.path"),
                    ManyEvents.class.getName(),
                    session.toString(),
                    String.valueOf(events)))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();

    assertThat(said)
        .contains(
            "events "
                + events
                + " steps "
                + events * 4 / 10
                + " forwards "
                + events * 4 / 10
                + " evictions "
                + events / 10
                + " finished "
                + events / 40
                + " lost 0");
    Matcher bytes = Pattern.compile("bytes_early ([0-9]+) bytes_late ([0-9]+)").matcher(said);
    assertThat(bytes.find()).as(said).isTrue();
    assertThat(Long.parseLong(bytes.group(2)) - Long.parseLong(bytes.group(1)))
        .as(said)
        .isLessThan(MOST_GROWTH_BYTES);
    try (var rows = Files.lines(session.resolve("kv_cache_evictions.csv"))) {
      assertThat(rows.count()).isEqualTo(1 + events / 10);
    }
  }
}
