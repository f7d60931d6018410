package dev.kerneltracer.cli;

import dev.kerneltracer.cli.StyledLine.Style;
import dev.kerneltracer.live.DurationHistogram;
import dev.kerneltracer.live.EngineSettings;
import dev.kerneltracer.live.EngineState;
import dev.kerneltracer.live.ExpertLoad;
import dev.kerneltracer.live.GraphKey;
import dev.kerneltracer.live.GraphUse;
import dev.kerneltracer.live.ProcessState;
import dev.kerneltracer.live.SessionState;
import dev.kerneltracer.live.WatchedSession;
import dev.kerneltracer.live.WorkerState;
import dev.kerneltracer.report.Amount;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// What `watch` shows of a session at one moment: lines that fit a window.
final class LiveFrame {
  private static final double ORANGE_FROM = 0.90;
  private static final double RED_FROM = 0.98;
  private static final int NAME_WIDTH = 11;
  private static final int BAR_WIDTH = 30;
  private static final int FEWEST_GRAPHS = 3;
  private static final int MOST_ENGINES = 4;

  private final WatchedSession session;
  private final int width;
  private final boolean colour;
  private final List<StyledLine> lines = new ArrayList<>();

  private LiveFrame(WatchedSession session, int width, boolean colour) {
    this.session = session;
    this.width = width;
    this.colour = colour;
  }

  /// The lines, at most `height` of them and each at most `width` columns wide.
  static List<StyledLine> of(WatchedSession session, int width, int height, boolean colour) {
    LiveFrame frame = new LiveFrame(session, Math.max(1, width), colour);
    frame.fill(height);
    return frame.lines.subList(0, Math.min(frame.lines.size(), Math.max(1, height)));
  }

  private void fill(int height) {
    SessionState state = session.state();
    headline(state);
    if (state.engines().isEmpty() && state.workers().isEmpty()) {
      line("").add(Style.DIM, session.hasBegun() ? "vLLM is starting" : "no event yet");
      return;
    }
    int shown = 0;
    for (EngineState engine : state.engines()) {
      if (shown++ < MOST_ENGINES) {
        engine(engine, state.nowT(), state.engines().size() > 1);
      }
    }
    if (shown > MOST_ENGINES) {
      line("").add(Style.DIM, "… and " + (shown - MOST_ENGINES) + " more engines");
    }
    warnings(state);
    // All ranks run the same batches: the first tells of graphs, the others only their forwards.
    if (!state.workers().isEmpty()) {
      worker(state.workers().iterator().next(), height - lines.size());
    }
    if (state.workers().size() > 1) {
      StyledLine line = line("Ranks");
      for (WorkerState worker : state.workers()) {
        String folder = worker.rank().folder();
        line.add((folder.isEmpty() ? "rank_0_0" : folder) + " ")
            .add(Style.BOLD, Amount.count(worker.forwards()))
            .add(" forwards  ");
      }
    }
  }

  private StyledLine line(String name) {
    StyledLine line = new StyledLine(width, colour);
    if (!name.isEmpty()) {
      line.add(Style.DIM, name + " ".repeat(Math.max(1, NAME_WIDTH - name.length())));
    }
    lines.add(line);
    return line;
  }

  private void headline(SessionState state) {
    StyledLine line = line("");
    String version = "";
    for (ProcessState process : state.processes()) {
      version = process.vllm().isEmpty() ? version : " " + process.vllm();
    }
    line.add(Style.BOLD, "vLLM" + version);
    for (EngineState engine : state.engines()) {
      line.add("  " + shortened(engine.settings().model()));
      break;
    }
    line.add("  " + ProgressLine.clock(session.sinceStartNs()));
    if (state.processes().stream().anyMatch(process -> !process.hooksOn())) {
      line.add(Style.ORANGE, "  hooks are switched off");
    }
    line.add(Style.DIM, "  " + session.name());
  }

  private static String shortened(String model) {
    String[] parts = model.split("/", -1);
    return parts.length <= 2 ? model : parts[parts.length - 1];
  }

  private void engine(EngineState engine, long nowT, boolean several) {
    if (several) {
      line("").add(Style.BOLD, "engine " + engine.dataParallelRank());
    }
    EngineSettings settings = engine.settings();
    cache(engine);
    StyledLine requests = line("Requests");
    requests
        .add(Style.BOLD, Amount.count(engine.running()))
        .add(" running")
        .add(settings.maxSequences() > 0 ? " of " + Amount.count(settings.maxSequences()) : "")
        .add(", ")
        .add(engine.waiting() > 0 ? Style.ORANGE : Style.BOLD, Amount.count(engine.waiting()))
        .add(" waiting, " + Amount.count(engine.finishedCount()) + " finished, ")
        .add(
            engine.preempted() > 0 ? Style.ORANGE : Style.PLAIN,
            Amount.count(engine.preempted()) + " preempted");
    line("Tokens/s")
        .add("prefill ")
        .add(Style.BOLD, Amount.count(Math.round(engine.prefillTokensPerSecond(nowT))))
        .add(", decode ")
        .add(Style.BOLD, Amount.count(Math.round(engine.decodeTokensPerSecond(nowT))))
        .add(
            "; in all "
                + Amount.count(engine.prefillTokens())
                + " + "
                + Amount.count(engine.decodeTokens()));
    DurationHistogram steps = engine.stepTimes();
    line("Steps")
        .add(Amount.count(engine.steps()) + ", ")
        .add(Style.BOLD, Amount.time(steps.quantileNs(0.5)))
        .add(" median, " + Amount.time(steps.quantileNs(0.99)) + " 99 %, ")
        .add(Amount.share(engine.hostShare()) + " of the time between them");
    StyledLine evictions = line("Evictions");
    evictions.add(Style.BOLD, Amount.count(engine.evictions()));
    if (engine.evictions() > 0) {
      evictions.add(
          ", "
              + Amount.decimal(engine.evictionsPerSecond(nowT), 1)
              + "/s, after "
              + Amount.time(engine.evictedLifetimes().quantileNs(0.5))
              + ", idle for "
              + Amount.time(engine.evictedIdle().quantileNs(0.5))
              + " (medians)");
    }
    if (engine.prefixQueryTokens() > 0) {
      line("Prefixes")
          .add(Style.BOLD, Amount.share(engine.prefixHitShare()))
          .add(" of " + Amount.count(engine.prefixQueryTokens()) + " prompt tokens were cached");
    }
  }

  private void cache(EngineState engine) {
    double usage = engine.kvUsage();
    Style style = style(usage);
    StyledLine line = line("KV cache");
    int bar = Math.min(BAR_WIDTH, Math.max(0, width - NAME_WIDTH - 48));
    if (bar > 4) {
      int full = (int) Math.round(Math.clamp(usage, 0, 1) * bar);
      line.add(style, "█".repeat(full)).add(Style.DIM, "░".repeat(bar - full)).add(" ");
    }
    line.add(style, Amount.share(usage))
        .add(
            " "
                + Amount.count(engine.kvUsedBlocks())
                + " of "
                + Amount.count(engine.kvTotalBlocks())
                + " blocks, peak ")
        .add(style(engine.kvPeakUsage()), Amount.share(engine.kvPeakUsage()));
  }

  /// The colour of a cache that is so full: requests soon wait, or are preempted.
  static Style style(double usage) {
    return usage >= RED_FROM ? Style.RED : usage >= ORANGE_FROM ? Style.ORANGE : Style.GREEN;
  }

  private void worker(WorkerState worker, int room) {
    StyledLine line = line("Graphs");
    line.add(Style.BOLD, Amount.share(worker.graphHitRate()))
        .add(" of " + Amount.count(worker.forwards()) + " forwards");
    worker
        .forwardsByMode()
        .forEach((mode, count) -> {
          if (!mode.equals("NONE")) {
            line.add(", " + mode + " " + Amount.count(count));
          }
        });
    worker
        .eagerByReason()
        .forEach(
            (reason, count) -> line.add(", eager " + Amount.count(count) + " (" + reason + ")"));
    if (!worker.experts().isEmpty()) {
      ExpertLoad worst =
          worker.experts().values().stream()
              .max(Comparator.comparingDouble(ExpertLoad::maxMeanRatio))
              .orElseThrow();
      line("Experts")
          .add("busiest ")
          .add(Style.BOLD, Amount.decimal(worst.maxMeanRatio(), 2) + " ×")
          .add(
              " the mean, in layer "
                  + worst.layer()
                  + " ("
                  + worker.experts().size()
                  + " layers seen)");
    }
    if (worker.graphs().isEmpty()) {
      return;
    }
    line("Padding")
        .add(Style.BOLD, Amount.share(worker.paddingOverhead()))
        .add(" of the tokens in graphs (" + Amount.count(worker.paddingOfGraphs()) + ")");
    never(worker);
    hottest(worker, Math.max(FEWEST_GRAPHS, room - 5));
  }

  private void never(WorkerState worker) {
    TreeSet<Long> sizes = new TreeSet<>();
    TreeSet<Long> used = new TreeSet<>();
    worker
        .graphs()
        .forEach((key, use) -> {
          sizes.add(key.tokens());
          if (use.forwards() > 0) {
            used.add(key.tokens());
          }
        });
    int all = sizes.size();
    sizes.removeAll(used);
    StyledLine line = line("Never used");
    line.add(Style.BOLD, String.valueOf(sizes.size())).add(" of " + all + " sizes");
    if (!sizes.isEmpty()) {
      line.add(": " + String.join(" ", sizes.stream().map(String::valueOf).toList()));
    }
  }

  private void hottest(WorkerState worker, int most) {
    List<Map.Entry<GraphKey, GraphUse>> hottest =
        worker.graphs().entrySet().stream()
            .filter(entry -> entry.getValue().forwards() > 0)
            .sorted(
                Comparator.comparingLong(
                    (Map.Entry<GraphKey, GraphUse> entry) -> -entry.getValue().forwards()))
            .limit(most)
            .toList();
    int longest =
        hottest.stream().mapToInt(entry -> entry.getKey().label().length()).max().orElse(0);
    boolean first = true;
    for (Map.Entry<GraphKey, GraphUse> entry : hottest) {
      StyledLine line = line(first ? "Hottest" : " ".repeat(NAME_WIDTH - 1));
      first = false;
      String label = entry.getKey().label();
      long forwards = entry.getValue().forwards();
      String count = Amount.count(forwards);
      line.add(label + " ".repeat(longest - label.length()))
          .add(" ".repeat(Math.max(1, 10 - count.length())))
          .add(Style.BOLD, count)
          .add(" ");
      int bar = Math.min(BAR_WIDTH, line.left() - 1);
      if (bar > 4) {
        long top = hottest.getFirst().getValue().forwards();
        line.add(
            Style.GREEN, "█".repeat((int) Math.max(1, Math.round((double) bar * forwards / top))));
      }
    }
  }

  private void warnings(SessionState state) {
    if (state.lost() > 0) {
      line("").add(Style.ORANGE, Amount.count(state.lost()) + " events are missing");
    }
    for (ProcessState process : state.processes()) {
      if (!process.problem().isEmpty()) {
        line("").add(Style.ORANGE, "probe: " + process.problem());
      }
    }
    for (String problem : session.problems()) {
      line("").add(Style.ORANGE, problem);
    }
  }

  /// The same in one plain line, for logs.
  static String logLine(WatchedSession session) {
    SessionState state = session.state();
    if (state.engines().isEmpty()) {
      return session.name() + ": " + (session.hasBegun() ? "vLLM is starting" : "no event yet");
    }
    StringBuilder text = new StringBuilder(session.name());
    for (EngineState engine : state.engines()) {
      text.append(state.engines().size() > 1 ? "; engine " + engine.dataParallelRank() : "")
          .append(": KV cache ")
          .append(Amount.share(engine.kvUsage()))
          .append(", ")
          .append(engine.running())
          .append(" running, ")
          .append(engine.waiting())
          .append(" waiting, ")
          .append(Amount.count(Math.round(engine.prefillTokensPerSecond(state.nowT()))))
          .append(" + ")
          .append(Amount.count(Math.round(engine.decodeTokensPerSecond(state.nowT()))))
          .append(" tokens/s, ")
          .append(Amount.count(engine.evictions()))
          .append(" evictions, ")
          .append(Amount.count(engine.preempted()))
          .append(" preemptions");
    }
    for (WorkerState worker : state.workers()) {
      text.append(", ").append(Amount.share(worker.graphHitRate())).append(" in graphs");
      break;
    }
    return text.toString();
  }
}
