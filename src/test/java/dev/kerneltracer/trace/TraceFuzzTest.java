package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.Communication;
import dev.kerneltracer.analysis.CriticalPath;
import dev.kerneltracer.analysis.DeviceWork;
import dev.kerneltracer.analysis.Gaps;
import dev.kerneltracer.analysis.HostWaits;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.MemoryTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.Totals;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Damages real traces at random for a given time: whatever the bytes, reading ends with tables or
/// with a reason, and never reads more events than braces.
@Tag("soak")
class TraceFuzzTest {
  private static final Duration TIME =
      Duration.ofMinutes(Long.getLong("kerneltracer.soakMinutes", 1));
  private static final String[] SPLICES = {
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "null",
    "1e999999999",
    "-",
    "\u0000",
    "\\ud800",
    "NaN",
    "\"args\": {",
    "99999999999999999999999",
    "\"ts\":",
    "\"ph\": \"X\"",
    "\"traceEvents\": ["
  };

  @TempDir Path directory;

  @Test
  void noBytesBringTheReaderDown() throws IOException {
    List<byte[]> seeds = seeds();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Path file = directory.resolve("fuzzed.json");
    long deadline = System.nanoTime() + TIME.toNanos();
    long runs = 0;
    long read = 0;
    while (System.nanoTime() < deadline) {
      byte[] bytes = damaged(seeds.get(random.nextInt(seeds.size())), random);
      Files.write(file, bytes);
      try {
        Trace trace = TraceReader.read(file);
        TraceLinks links = TraceLinks.of(trace);
        OperatorTable.of(trace, links);
        KernelTable.of(trace);
        DeviceWork work = DeviceWork.of(trace);
        Steps steps = Steps.of(trace, links, work);
        HostWaits waits = HostWaits.of(trace);
        Gaps.of(trace, links, work, waits);
        Communication.of(trace, links, work);
        CriticalPath.of(trace, links, work, waits, steps);
        MemoryTable memory = MemoryTable.of(trace, links);
        for (int i = 0; i < memory.size(); i++) {
          memory.operator(i);
        }
        Totals totals = Totals.of(trace, links);
        assertThat(totals.events()).isLessThanOrEqualTo(bytes.length / 2);
        read++;
      } catch (UserException e) {
        assertThat(e).hasMessageNotContaining("\n");
      } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
        Path kept = Files.createTempFile("kerneltracer-fuzz", ".json");
        Files.write(kept, bytes);
        throw new AssertionError("seed " + seed + ", run " + runs + ", kept as " + kept, e);
      }
      runs++;
    }
    System.out.println(runs + " damaged traces, " + read + " of them read in part, seed " + seed);
    assertThat(read).isPositive();
  }

  /// A window of a real trace, up to 64 KiB, damaged in one to eight places.
  private static byte[] damaged(byte[] whole, Random random) {
    int length = Math.min(whole.length, 1 + random.nextInt(1 << 16));
    int from = random.nextInt(4) == 0 ? random.nextInt(whole.length - length + 1) : 0;
    StringBuilder text =
        new StringBuilder(new String(whole, from, length, StandardCharsets.ISO_8859_1));
    for (int i = 1 + random.nextInt(8); i > 0 && !text.isEmpty(); i--) {
      int place = random.nextInt(text.length());
      switch (random.nextInt(5)) {
        case 0 -> text.setCharAt(place, (char) random.nextInt(256));
        case 1 -> text.delete(place, Math.min(text.length(), place + 1 + random.nextInt(200)));
        case 2 -> text.insert(place, SPLICES[random.nextInt(SPLICES.length)]);
        case 3 -> text.insert(place, text.substring(place, Math.min(text.length(), place + 500)));
        default -> text.setLength(place);
      }
    }
    return text.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  private static List<byte[]> seeds() throws IOException {
    Path traces =
        Path.of(System.getProperty("kerneltracer.root", "."), "src/test/resources/traces");
    List<byte[]> seeds = new ArrayList<>();
    try (Stream<Path> files = Files.list(traces)) {
      for (Path file : files.filter(f -> f.toString().endsWith("trace.json.gz")).toList()) {
        try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(file))) {
          seeds.add(in.readNBytes(4 << 20));
        }
      }
    }
    assertThat(seeds).isNotEmpty();
    return seeds;
  }
}
