package dev.kerneltracer.cli;

import dev.kerneltracer.live.Advice;
import dev.kerneltracer.live.DurationHistogram;
import dev.kerneltracer.live.EngineState;
import dev.kerneltracer.live.Finding;
import dev.kerneltracer.live.GraphKey;
import dev.kerneltracer.live.GraphUse;
import dev.kerneltracer.live.ProcessState;
import dev.kerneltracer.live.SessionState;
import dev.kerneltracer.live.WatchedSession;
import dev.kerneltracer.live.WorkerState;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.TerminalTable;
import dev.kerneltracer.report.TerminalTable.Column;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The closing summary of a watched session, as a person reads it.
final class SessionReport {
  private static final int MOST_GRAPHS = 10;

  private final WatchedSession session;
  private final int width;
  private final boolean colour;
  private final StringBuilder out = new StringBuilder();

  private SessionReport(WatchedSession session, int width, boolean colour) {
    this.session = session;
    this.width = width;
    this.colour = colour;
  }

  static String of(WatchedSession session, int width, boolean colour) {
    SessionReport report = new SessionReport(session, width, colour);
    report.write();
    return report.out.toString();
  }

  private void write() {
    SessionState state = session.state();
    ReportText.heading(
        out,
        session.name(),
        Amount.count(state.events()) + " events in " + Amount.time(state.spanNs()),
        colour);
    if (state.events() == 0) {
      say("No process of vLLM has told anything: none was started, or none loaded the probe.");
      trust();
      return;
    }
    state.engines().forEach(this::engine);
    state.workers().forEach(this::worker);
    graphs(state);
    findings();
    trust();
    if (session.writesTables()) {
      say("Tables: " + session.directory());
    }
  }

  private void say(String sentence) {
    out.append(ReportText.wrapped(sentence, width)).append('\n');
  }

  private void engine(EngineState engine) {
    if (engine.steps() == 0) {
      return;
    }
    long tokens = engine.prefillTokens() + engine.decodeTokens();
    String name =
        session.state().engines().size() > 1 ? "Engine " + engine.dataParallelRank() + ": " : "";
    say(
        name
            + Amount.count(engine.steps())
            + " steps (median "
            + Amount.time(engine.stepTimes().quantileNs(0.5))
            + "), "
            + Amount.count(tokens)
            + " tokens: "
            + Amount.share(tokens == 0 ? 0 : (double) engine.prefillTokens() / tokens)
            + " prefill, "
            + Amount.share(tokens == 0 ? 0 : (double) engine.decodeTokens() / tokens)
            + " decode; "
            + Amount.share(engine.hostShare())
            + " of the time between steps.");
    say(
        "Requests: "
            + Amount.count(engine.finishedCount())
            + " finished"
            + words(engine.finished())
            + ", at most "
            + Amount.count(engine.mostRunning())
            + " running and "
            + Amount.count(engine.mostWaiting())
            + " waiting; "
            + Amount.count(engine.preempted())
            + " preemptions"
            + words(engine.preemptions())
            + "; first token after "
            + Amount.time(engine.firstTokenTimes().quantileNs(0.5))
            + " (median).");
    say(
        "KV cache: "
            + Amount.count(engine.kvTotalBlocks())
            + " blocks, at most "
            + Amount.share(engine.kvPeakUsage())
            + " and in the mean "
            + Amount.share(engine.kvMeanUsage())
            + " full; "
            + Amount.count(engine.blocksAllocated())
            + " allocated, "
            + Amount.count(engine.evictions())
            + " evicted; "
            + Amount.share(engine.prefixHitShare())
            + " of prompt tokens found in the prefix cache.");
  }

  private static String words(Map<String, Long> counts) {
    if (counts.isEmpty()) {
      return "";
    }
    StringBuilder text = new StringBuilder(" (");
    counts.forEach((word, count) ->
        text.append(text.length() > 2 ? ", " : "")
            .append(word)
            .append(' ')
            .append(Amount.count(count)));
    return text.append(')').toString();
  }

  private void worker(WorkerState worker) {
    if (worker.forwards() == 0) {
      return;
    }
    String name =
        session.state().workers().size() > 1
            ? (worker.rank().folder().isEmpty() ? "rank_0_0" : worker.rank().folder()) + ": "
            : "";
    StringBuilder times = new StringBuilder();
    for (Map.Entry<String, DurationHistogram> phase : worker.forwardTimes().entrySet()) {
      times
          .append(times.isEmpty() ? " " : ", ")
          .append(phase.getKey())
          .append(' ')
          .append(Amount.time(phase.getValue().quantileNs(0.5)));
    }
    say(
        name
            + Amount.count(worker.forwards())
            + " forwards (medians:"
            + times
            + "), "
            + Amount.share(worker.graphHitRate())
            + " in CUDA graphs"
            + (worker.eagerByReason().isEmpty() ? "" : "; eager" + words(worker.eagerByReason()))
            + ".");
  }

  private void graphs(SessionState state) {
    if (state.workers().isEmpty()) {
      return;
    }
    WorkerState worker = state.workers().iterator().next();
    if (worker.graphs().isEmpty()) {
      return;
    }
    List<Map.Entry<GraphKey, GraphUse>> hottest =
        worker.graphs().entrySet().stream()
            .sorted(
                Comparator.comparingLong(
                    (Map.Entry<GraphKey, GraphUse> entry) -> -entry.getValue().forwards()))
            .filter(entry -> entry.getValue().forwards() > 0)
            .toList();
    ReportText.heading(
        out,
        "CUDA graphs",
        worker.graphs().size()
            + " captured, "
            + hottest.size()
            + " used; padding "
            + Amount.share(worker.paddingOverhead()),
        colour);
    TerminalTable table =
        new TerminalTable(
            Column.text("graph"),
            Column.number("forwards"),
            Column.number("share"),
            Column.number("padding"));
    for (Map.Entry<GraphKey, GraphUse> entry :
        hottest.subList(0, Math.min(MOST_GRAPHS, hottest.size()))) {
      GraphUse use = entry.getValue();
      table.row(
          entry.getKey().label(),
          Amount.count(use.forwards()),
          Amount.share((double) use.forwards() / Math.max(1, worker.graphForwards())),
          Amount.share(
              use.paddedTokens() == 0 ? 0 : (double) use.paddingTokens() / use.paddedTokens()));
    }
    if (!table.isEmpty()) {
      out.append(table.render(width));
    }
  }

  private void findings() {
    List<Finding> findings = Advice.of(session.state());
    ReportText.heading(out, "Findings", findings.isEmpty() ? "too little was seen" : "", colour);
    for (Finding finding : findings) {
      String mark =
          switch (finding.level()) {
            case ADVICE -> "! ";
            case GOOD -> "+ ";
            case NOTE -> "- ";
          };
      String text = finding.text();
      say(mark + Character.toUpperCase(text.charAt(0)) + text.substring(1));
      if (!finding.flag().isEmpty()) {
        out.append("    ").append(finding.flag()).append('\n');
      }
    }
  }

  /// How far the numbers can be trusted.
  private void trust() {
    SessionState state = session.state();
    if (state.lost() > 0) {
      say(
          Amount.count(state.lost())
              + " events are missing: dropped where they came faster than they could be written, or"
              + " gone with old event files. The numbers are of the rest.");
    }
    if (session.badLines() > 0) {
      say(Amount.count(session.badLines()) + " lines of event files could not be read.");
    }
    if (session.cutFiles() > 0) {
      say(
          Amount.count(session.cutFiles())
              + " event files end within a line: their processes were killed.");
    }
    Set<String> missing = new TreeSet<>();
    for (ProcessState process : state.processes()) {
      missing.addAll(process.missingHooks());
      if (!process.problem().isEmpty()) {
        say("The probe in process " + process.pid() + " had a fault: " + process.problem());
      }
    }
    missing.forEach(hook -> say("Not recorded: " + hook));
    session.problems().forEach(this::say);
  }
}
