package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private long nowNs = 5;

  @Test
  void onATerminalItIsOneLineThatFitsAndGoesAway() {
    ProgressLine line = line(ProgressLine.Style.TERMINAL, 30);

    line.show("[1/38] torch 2.13.0\n(554 MB) and more than fits");
    pass(Duration.ofSeconds(67));
    line.draw();
    line.close();
    line.show("too late");

    assertThat(text())
        .isEqualTo(
            "\rinstalling: [1/38] torch… 0:00\u001b[K".replace("torch…", "torc…")
                + "\rinstalling: [1/38] torc… 1:07\u001b[K"
                + "\r\u001b[K");
  }

  @Test
  void inALogOnlyChangesAreWrittenAndNotTooOften() {
    ProgressLine line = line(ProgressLine.Style.LOG, Integer.MAX_VALUE);

    line.show("one");
    line.show("one");
    line.show("two");
    pass(Duration.ofSeconds(11));
    line.draw();
    pass(Duration.ofSeconds(60));
    line.draw();
    line.close();

    assertThat(text()).isEqualTo("installing: one (0:00)\ninstalling: two (0:11)\n");
  }

  @Test
  void theTimeLeftFollowsFromWhatIsDone() {
    ProgressLine line = line(ProgressLine.Style.LOG, Integer.MAX_VALUE);

    pass(Duration.ofMinutes(1));
    line.show("models", 10, 40);

    assertThat(text()).isEqualTo("installing: models 10/40, about 3:00 left (1:00)\n");
  }

  @Test
  void quietIsSilent() {
    ProgressLine line = line(ProgressLine.Style.QUIET, 80);

    line.show("one");
    line.say("two");
    line.close();

    assertThat(text()).isEmpty();
  }

  private ProgressLine line(ProgressLine.Style style, int width) {
    return new ProgressLine(
        "installing",
        new PrintStream(written, true, StandardCharsets.UTF_8),
        style,
        () -> width,
        () -> nowNs);
  }

  private void pass(Duration time) {
    nowNs += time.toNanos();
  }

  private String text() {
    return written.toString(StandardCharsets.UTF_8);
  }
}
