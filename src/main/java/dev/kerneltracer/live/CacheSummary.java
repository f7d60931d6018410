package dev.kerneltracer.live;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.report.Amount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/// Writes `kv_cache_summary.txt`: how full the KV cache was, what it lost, and what to change.
final class CacheSummary {
  static final String FILE = "kv_cache_summary.txt";

  private CacheSummary() {}

  static void write(Path target, WatchedSession session) {
    byte[] text = text(session).getBytes(StandardCharsets.UTF_8);
    try (AtomicFile file = AtomicFile.openBeside(target)) {
      file.add(out -> out.write(text));
      file.finish();
    }
  }

  static String text(WatchedSession session) {
    StringBuilder out = new StringBuilder("KV cache summary\n================\n");
    line(out, "Session", session.name());
    line(out, "Watched", Amount.time(session.state().spanNs()));
    for (EngineState engine : session.state().engines()) {
      if (session.state().engines().size() > 1) {
        out.append("\nEngine ").append(engine.dataParallelRank()).append('\n');
      }
      engine(out, engine);
    }
    out.append("\nFindings\n");
    boolean none = true;
    for (Finding finding : Advice.of(session.state())) {
      if (finding.id().matches("(kv_|max_model|.*preempt|prefix|queue).*")) {
        none = false;
        out.append("- ").append(sentence(finding.text())).append('\n');
        if (!finding.flag().isEmpty()) {
          out.append("  ").append(finding.flag()).append('\n');
        }
      }
    }
    if (none) {
      out.append("- Too few steps and requests to say anything.\n");
    }
    return out.toString();
  }

  private static String sentence(String text) {
    return text.isEmpty() ? text : Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }

  private static void line(StringBuilder out, String name, String value) {
    out.append(name).append(':').repeat(' ', Math.max(1, 28 - name.length())).append(value);
    out.append('\n');
  }

  private static void engine(StringBuilder out, EngineState engine) {
    EngineSettings settings = engine.settings();
    line(out, "Model", settings.model());
    line(out, "Total blocks", Amount.count(engine.kvTotalBlocks()));
    line(out, "Block size", Amount.count(settings.blockSize()) + " tokens");
    if (settings.kvBytesPerBlock() > 0) {
      line(
          out,
          "Cache size",
          Amount.bytes((long) (engine.kvTotalBlocks() * settings.kvBytesPerBlock())));
    }
    line(
        out,
        "Peak usage",
        Amount.share(engine.kvPeakUsage())
            + " ("
            + Amount.count(engine.kvPeakBlocks())
            + " blocks)");
    line(out, "Mean usage", Amount.share(engine.kvMeanUsage()));
    line(out, "Last usage", Amount.share(engine.kvUsage()));
    line(out, "Blocks allocated", Amount.count(engine.blocksAllocated()));
    line(out, "Evictions", Amount.count(engine.evictions()));
    if (engine.evictedLifetimes().count() > 0) {
      line(out, "Lifetime of evicted blocks", quantiles(engine.evictedLifetimes()));
    }
    if (engine.evictedIdle().count() > 0) {
      line(out, "Idle before eviction", quantiles(engine.evictedIdle()));
    }
    line(
        out,
        "Prefix cache hits",
        Amount.share(engine.prefixHitShare())
            + " of "
            + Amount.count(engine.prefixQueryTokens())
            + " tokens");
    StringBuilder causes = new StringBuilder();
    for (Map.Entry<String, Long> cause : engine.preemptions().entrySet()) {
      causes.append(causes.isEmpty() ? " (" : ", ");
      causes.append(cause.getKey()).append(' ').append(Amount.count(cause.getValue()));
    }
    line(
        out,
        "Preemptions",
        Amount.count(engine.preempted()) + causes + (causes.isEmpty() ? "" : ")"));
    line(out, "Finished requests", Amount.count(engine.finishedCount()));
    line(out, "Preemptions per request", Amount.decimal(engine.preemptionRate(), 4));
  }

  private static String quantiles(DurationHistogram times) {
    return "mean "
        + Amount.time((long) times.meanNs())
        + ", median "
        + Amount.time(times.quantileNs(0.5))
        + ", 95 % "
        + Amount.time(times.quantileNs(0.95))
        + ", longest "
        + Amount.time(times.maxNs());
  }
}
