package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.batch.BatchPlan;
import dev.kerneltracer.batch.PlannedJob;
import dev.kerneltracer.batch.PlannedJob.State;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobRunner;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BatchViewTest {
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final TraceJob llama = job("llama");
  private final TraceJob gpt2 = job("gpt2");
  private final TraceJob bert = job("bert");
  private String downloads = "";
  private long nowNs = 5;

  @Test
  void onATerminalTheBlockIsWrittenOverInPlaceAndGoesAway() {
    BatchView view = view(ProgressLine.Style.TERMINAL, 60);

    view.started(llama);
    view.said(llama, "tracing\n\u001b[2J");
    pass(Duration.ofSeconds(4));
    downloads = "3/12 files";
    view.draw();
    assertThat(screen())
        .containsExactly(
            "3 models: 0/3 done 0:04",
            "  type:llama torch_dispatch  0:04 tracing  [2J",
            "  downloads: 3/12 files");

    downloads = "";
    view.ended(llama, end(llama, Outcome.CRASHED), false);
    assertThat(screen())
        .containsExactly(
            "crashed: type:llama torch_dispatch: planted",
            "3 models: 1/3 done, 1 failed, about 0:08 left 0:04");

    view.close();
    assertThat(screen()).containsExactly("crashed: type:llama torch_dispatch: planted");
  }

  @Test
  void noLineIsWiderThanTheTerminal() {
    BatchView view = view(ProgressLine.Style.TERMINAL, 30);

    view.started(llama);
    view.said(llama, "building what is far too long for this window");
    view.draw();

    assertThat(screen()).allMatch(line -> line.length() < 30);
  }

  @Test
  void inALogEachJobHasALineAndALongOneASignOfLife() {
    BatchView view = view(ProgressLine.Style.LOG, Integer.MAX_VALUE);

    view.started(llama);
    view.ended(llama, end(llama, Outcome.SUCCESS), false);
    view.started(gpt2);
    view.said(gpt2, "tracing");
    view.draw();
    pass(Duration.ofSeconds(11));
    view.draw();
    pass(Duration.ofSeconds(11));
    view.draw();
    view.ended(gpt2, end(gpt2, Outcome.KILLED), true);
    view.ended(bert, end(bert, Outcome.SUCCESS), false);
    view.close();

    assertThat(text().lines())
        .containsExactly(
            "[1/3] type:llama torch_dispatch: success (0.0 s)",
            "3 models: 1/3 done; type:gpt2 torch_dispatch tracing (0:11)",
            "killed, is tried again: type:gpt2 torch_dispatch: planted",
            "[2/3] type:bert torch_dispatch: success (0.0 s)");
  }

  /// What a terminal shows after all that was written: lines, the cursor moved up, the rest erased.
  private List<String> screen() {
    List<String> lines = new ArrayList<>();
    String rest = text();
    int row = 0;
    while (!rest.isEmpty()) {
      Matcher up = Pattern.compile("^\u001b\\[(\\d+)A\r").matcher(rest);
      if (up.find()) {
        row -= Integer.parseInt(up.group(1));
        rest = rest.substring(up.end());
      } else if (rest.startsWith("\u001b[J")) {
        lines.subList(Math.min(row, lines.size()), lines.size()).clear();
        rest = rest.substring(3);
      } else {
        int end = rest.indexOf('\n');
        String line = rest.substring(0, end).replace("\u001b[K", "");
        if (row < lines.size()) {
          lines.set(row, line);
        } else {
          lines.add(line);
        }
        row++;
        rest = rest.substring(end + 1);
      }
    }
    return lines;
  }

  private String text() {
    return written.toString(StandardCharsets.UTF_8);
  }

  private void pass(Duration time) {
    nowNs += time.toNanos();
  }

  private BatchView view(ProgressLine.Style style, int width) {
    List<PlannedJob> jobs =
        Stream.of(llama, gpt2, bert).map(job -> new PlannedJob(job, State.RUN, "", null)).toList();
    return new BatchView(
        new BatchPlan(jobs),
        () -> downloads,
        new PrintStream(written, true, StandardCharsets.UTF_8),
        style,
        () -> width,
        () -> nowNs);
  }

  private static JobResult end(TraceJob job, Outcome outcome) {
    return JobRunner.notRun(job, outcome, outcome == Outcome.SUCCESS ? "" : "planted");
  }

  private static TraceJob job(String type) {
    TraceSettings settings =
        new TraceSettings(
            List.of(),
            true,
            TraceSettings.Weights.RANDOM,
            "auto",
            "cpu",
            1,
            16,
            8,
            null,
            null,
            null,
            null,
            false,
            0,
            1,
            true,
            new TraceSettings.Recording(true, false, false, false, false),
            EngineSettings.DEFAULT);
    return new TraceJob(
        new ModelReference.Type(type),
        Tracer.TORCH_DISPATCH,
        Mode.EVAL,
        settings,
        Path.of("outputs"),
        Map.of());
  }
}
