package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.cli.StyledLine.Style;
import dev.kerneltracer.live.EventLines;
import dev.kerneltracer.live.WatchedSession;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LiveViewTest {
  @TempDir private Path directory;

  @Test
  void theViewShowsWhatTheServerDoes() {
    List<String> lines = frame(busy(500), 100, 40, false);
    assertThat(lines.getFirst()).startsWith("vLLM 0.29.0  org/tiny  0:0").endsWith("session");
    assertThat(lines)
        .anySatisfy(line ->
            assertThat(line)
                .startsWith("KV cache")
                .contains("50.0 % 500 of 1,000 blocks, peak 50.0 %"))
        .anySatisfy(line -> assertThat(line).contains("3 running of 8, 2 waiting, 0 finished"))
        .anySatisfy(line -> assertThat(line).contains("98.0 % of 50 forwards, FULL 49, eager 1"))
        .anySatisfy(line -> assertThat(line).contains("12.5 % of the tokens in graphs (49)"))
        .anySatisfy(line -> assertThat(line).contains("Never used 1 of 2 sizes: 16"))
        .anySatisfy(line -> assertThat(line).matches("Hottest +FULL 8 × 8 requests +49 █+"));
  }

  @Test
  void theGaugeTurnsOrangeAndRed() {
    assertThat(LiveFrame.style(0.8999)).isEqualTo(Style.GREEN);
    assertThat(LiveFrame.style(0.90)).isEqualTo(Style.ORANGE);
    assertThat(LiveFrame.style(0.9799)).isEqualTo(Style.ORANGE);
    assertThat(LiveFrame.style(0.98)).isEqualTo(Style.RED);
    assertThat(cacheLine(busy(850))).contains("\u001b[32m█");
    assertThat(cacheLine(busy(900))).contains("\u001b[38;5;208m█").doesNotContain("\u001b[1;31m");
    assertThat(cacheLine(busy(980))).contains("\u001b[1;31m█");
  }

  private static String cacheLine(WatchedSession session) {
    return frame(session, 100, 40, true).stream()
        .filter(line -> line.contains("KV cache"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void noLineIsWiderOrMoreThanTheWindow() {
    WatchedSession session = busy(985);
    for (int width : List.of(1, 7, 20, 40, 79, 80, 199)) {
      for (int height : List.of(1, 2, 8, 24, 50)) {
        List<String> lines = frame(session, width, height, false);
        assertThat(lines.size()).isBetween(1, height);
        assertThat(lines)
            .allSatisfy(line ->
                assertThat(line.codePointCount(0, line.length())).isLessThanOrEqualTo(width));
      }
    }
  }

  @Test
  void withoutColourNothingIsEscaped() {
    assertThat(String.join("", frame(busy(985), 80, 24, false))).doesNotContain("\u001b");
  }

  @Test
  void namesFromFilesCannotMoveTheCursor() {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.line("engine", 1, "'dp_rank':0,'model':'evil\\u001b[2J\\nname'");
    assertThat(String.join("", frame(read(server), 80, 24, true))).contains("evil [2J name");
  }

  @Test
  void logsGetOneLine() {
    assertThat(LiveFrame.logLine(busy(500)))
        .isEqualTo(
            "session: KV cache 50.0 %, 3 running, 2 waiting, 0 + 0 tokens/s, 0 evictions,"
                + " 0 preemptions, 98.0 % in graphs");
  }

  @Test
  void aBlockIsWrittenOverAndLinesStayAboveIt() {
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    int[] size = {40, 10};
    LiveScreen screen =
        new LiveScreen(
            new PrintStream(written, true, StandardCharsets.UTF_8), () -> size[0], () -> size[1]);
    List<StyledLine> block =
        List.of(new StyledLine(40, false).add("one"), new StyledLine(40, false).add("two"));
    screen.draw(block);
    screen.draw(block);
    assertThat(text(written)).isEqualTo("one\u001b[K\ntwo\u001b[K\n\u001b[J");

    screen.say(List.of("log"));
    assertThat(text(written))
        .isEqualTo("\u001b[2A\r\u001b[Jlog\none\u001b[K\ntwo\u001b[K\n\u001b[J");

    size[0] = 20; // broken lines lie where nobody can tell: all is written anew
    screen.draw(block);
    assertThat(text(written)).isEqualTo("\u001b[2J\u001b[Hone\u001b[K\ntwo\u001b[K\n\u001b[J");

    screen.clear();
    assertThat(text(written)).isEqualTo("\u001b[2A\r\u001b[J");
  }

  @Test
  void theClosingSummaryNamesNumbersAdviceAndFlags() {
    String report = SessionReport.of(busy(950), 80, false);
    assertThat(report.lines()).allSatisfy(line -> assertThat(line.length()).isLessThan(100));
    assertThat(report)
        .contains("50 steps")
        .contains("KV cache: 1,000 blocks, at most 95.0 %")
        .contains("CUDA graphs: 2 captured, 1 used; padding 12.5 %")
        .contains("! The KV cache was at most 95.0 % full")
        .contains("    --gpu-memory-utilization 0.95\n");
  }

  private WatchedSession busy(long usedBlocks) {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.capture(0.2, 8).capture(0.3, 16);
    for (int i = 0; i < 49; i++) {
      server.step(0.5 + i * 0.001, 3, 2, usedBlocks, 1000).replay(0.5, 7, 8);
    }
    server.step(0.6, 3, 2, usedBlocks, 1000);
    server.line(
        "forward",
        0.6,
        "'mode':'NONE','eager_reason':'batch_too_large','tokens':30,'phase':'prefill',"
            + "'host_ns':1000000");
    return read(server);
  }

  private static WatchedSession read(EventLines server) {
    server.flush();
    WatchedSession session = new WatchedSession(server.session(), false, 100);
    session.update();
    assertThat(session.badLines()).isZero();
    try {
      java.nio.file.Files.delete(server.file());
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return session;
  }

  private static List<String> frame(WatchedSession session, int width, int height, boolean colour) {
    return LiveFrame.of(session, width, height, colour).stream().map(StyledLine::toString).toList();
  }

  private static String text(ByteArrayOutputStream written) {
    String text = written.toString(StandardCharsets.UTF_8);
    written.reset();
    return text;
  }
}
