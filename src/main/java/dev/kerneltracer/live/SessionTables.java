package dev.kerneltracer.live;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.report.CsvFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Writes the CSV tables of a session while its events are read. Names and columns are those of the
/// tool that this one replaces; columns of ours come after them. Rows that are one in a hundred
/// (`VLLM_PROFILING_LOG_INTERVAL`) are also written once a second; captures, evictions, preemptions
/// and requests are all written.
final class SessionTables implements SessionState.Listener, AutoCloseable {
  static final List<String> CAPTURES =
      List.of("runtime_mode", "num_tokens", "num_reqs", "uniform", "has_lora", "capture_time_sec");
  static final List<String> USAGE =
      List.of("runtime_mode", "num_tokens", "num_reqs", "uniform", "has_lora", "replay_count");
  private static final double SECOND_NS = 1e9;
  private static final double MILLISECOND_NS = 1e6;

  private final Path directory;
  private final long startT;
  private final long interval;
  private final Map<Path, CsvFile> growing = new HashMap<>();
  private final Set<Path> folders = new HashSet<>();
  private final Map<Path, Sampler> samplers = new HashMap<>();
  private final Map<Rank, Long> graphsWritten = new HashMap<>();
  private final TreeSet<Rank> expertsChanged = new TreeSet<>();

  /// @param startT the zero of all times in the tables, of CLOCK_MONOTONIC
  /// @param interval every how manieth operation is written
  SessionTables(Path directory, long startT, long interval) {
    this.directory = directory;
    this.startT = startT;
    this.interval = interval;
    table(Rank.FIRST, Table.KV_USAGE);
    table(Rank.FIRST, Table.EVICTIONS);
    table(Rank.FIRST, Table.FORWARDS);
    table(Rank.FIRST, Table.OPERATIONS);
    table(Rank.FIRST, Table.BATCHES);
    table(Rank.FIRST, Table.PREEMPTIONS);
    table(Rank.FIRST, Table.REQUESTS);
    table(Rank.FIRST, Table.TIMELINE);
    writeGraphs(new WorkerState(Rank.FIRST));
  }

  /// Counts one kind of rows: true for those that are written.
  private static final class Sampler {
    private static final long SECOND = 1_000_000_000L;
    private long seen;
    private long lastT = Long.MIN_VALUE;

    boolean takes(long t, long interval) {
      boolean due = seen++ % interval == 0 || t - lastT >= SECOND;
      if (due) {
        lastT = Math.max(lastT, t);
      }
      return due;
    }
  }

  private boolean takes(Rank rank, Table table, Event event) {
    Path path = path(rank, table.file());
    return samplers.computeIfAbsent(path, _ -> new Sampler()).takes(event.t(), interval);
  }

  /// Makes the folder of a rank, but never the session's, which a user may have deleted.
  private Path path(Rank rank, String file) {
    Path folder = directory.resolve(rank.folder());
    if (!folder.equals(directory) && folders.add(folder)) {
      try {
        if (!Files.isDirectory(folder)) {
          Files.createDirectory(folder);
        }
      } catch (IOException e) {
        throw AtomicFile.failure(folder, e);
      }
    }
    return folder.resolve(file);
  }

  private CsvFile table(Rank rank, Table table) {
    return growing.computeIfAbsent(
        path(rank, table.file()), path -> CsvFile.grow(path, table.columns()));
  }

  private double seconds(long t) {
    return (t - startT) / SECOND_NS;
  }

  private CsvFile time(CsvFile csv, long t) {
    return t < 0 ? csv.empty() : csv.cell(seconds(t), 6);
  }

  private static Rank rank(EngineState engine) {
    return new Rank(engine.dataParallelRank(), 0, 0);
  }

  @Override
  public void engine(EngineState engine, Event event, @Nullable RequestState finished) {
    switch (event.name()) {
      case "step" -> step(engine, event);
      case "evict" -> evict(engine, event);
      case "preempt" -> preempt(engine, event);
      default -> {
        if (event.text("state", "").equals("resumed")) {
          resumed(engine, event);
        }
        if (finished != null) {
          request(engine, event.text("request", ""), finished);
        }
      }
    }
  }

  /// Captures are written with the graphs' use, which changes in the same moment.
  @Override
  public void worker(WorkerState worker, Event event) {
    switch (event.name()) {
      case "forward" -> forward(worker, event);
      case "moe" -> moe(worker, event);
      default -> {}
    }
  }

  private void forward(WorkerState worker, Event event) {
    long ns = WorkerState.timeNs(event);
    long tokens = event.number("tokens");
    String mode = event.text("mode", "NONE");
    if (!mode.equals("NONE") && takes(worker.rank(), Table.TIMELINE, event)) {
      CsvFile csv = table(worker.rank(), Table.TIMELINE);
      time(csv, event.t()).cell(GraphKey.of(event).descriptor()).cell(ns / MILLISECOND_NS, 3);
      csv.endRow();
    }
    if (takes(worker.rank(), Table.FORWARDS, event)) {
      CsvFile csv = table(worker.rank(), Table.FORWARDS);
      time(csv, event.t())
          .cell(event.text("phase", ""))
          .cell(event.number("requests"))
          .cell(tokens)
          .cell(ns / MILLISECOND_NS, 3)
          .cell(ns == 0 ? 0 : tokens * SECOND_NS / ns, 2)
          .cell(mode)
          .cell(Math.max(tokens, event.number("padded_tokens")))
          .cell(event.has("device_ns") ? "device" : "host");
      csv.endRow();
    }
  }

  private void moe(WorkerState worker, Event event) {
    ExpertLoad load = worker.experts().get(WorkerState.layer(event));
    if (load == null) {
      return;
    }
    CsvFile csv = table(worker.rank(), Table.IMBALANCE);
    csv.cell(load.layer());
    time(csv, event.t()).cell(load.lastDeviation(), 3);
    double ratio = load.lastMaxMinRatio();
    if (Double.isInfinite(ratio)) {
      csv.cell("inf"); // what pandas reads as a number
    } else {
      csv.cell(ratio, 3);
    }
    csv.endRow();
    expertsChanged.add(worker.rank());
  }

  @Override
  public void operation(Rank rank, Event event) {
    CsvFile csv = table(rank, Table.OPERATIONS); // the probe tells but one in a hundred already
    List<String> context = new ArrayList<>();
    event.texts("context").forEach((name, value) -> context.add(name + "=" + value));
    time(csv, event.t())
        .cell(event.text("operation", ""))
        .cell(event.number("duration_ns") / MILLISECOND_NS, 3)
        .cell(String.join(";", context));
    csv.endRow();
  }

  private void step(EngineState engine, Event event) {
    Rank rank = rank(engine);
    if (event.has("kv_used_blocks") && takes(rank, Table.KV_USAGE, event)) {
      CsvFile csv = table(rank, Table.KV_USAGE);
      long used = event.number("kv_used_blocks");
      long total = event.number("kv_total_blocks", engine.kvTotalBlocks());
      time(csv, event.t()).cell(percent(used, total), 2).cell(used).cell(total);
      csv.endRow();
    }
    if (takes(rank, Table.BATCHES, event)) {
      CsvFile csv = table(rank, Table.BATCHES);
      long prefills = event.number("prefill_requests");
      long decodes = event.number("decode_requests");
      long sequences = prefills + decodes;
      long most = event.number("max_num_seqs", engine.settings().maxSequences());
      long tokens = event.number("prefill_tokens") + event.number("decode_tokens");
      long budget = event.number("token_budget", engine.settings().maxBatchedTokens());
      time(csv, event.t())
          .cell(sequences)
          .cell(most)
          .cell(percent(sequences, most), 2)
          .cell(tokens)
          .cell(budget)
          .cell(percent(tokens, budget), 2)
          .cell(prefills == 0 ? "decode" : decodes == 0 ? "prefill" : "mixed")
          .cell(event.number("running"))
          .cell(event.number("waiting"))
          .cell(event.number("prefill_tokens"))
          .cell(event.number("decode_tokens"))
          .cell(event.number("step_ns") / MILLISECOND_NS, 3)
          .cell(event.number("host_ns") / MILLISECOND_NS, 3);
      csv.endRow();
    }
  }

  private static double percent(long part, long whole) {
    return whole == 0 ? 0 : 100.0 * part / whole;
  }

  private void evict(EngineState engine, Event event) {
    CsvFile csv = table(rank(engine), Table.EVICTIONS);
    time(csv, event.t());
    duration(csv, event, "lifetime_ns");
    duration(csv, event, "idle_ns");
    csv.cell(event.number("block", -1));
    csv.endRow();
  }

  private static void duration(CsvFile csv, Event event, String field) {
    if (event.has(field)) {
      csv.cell(event.number(field) / SECOND_NS, 6);
    } else {
      csv.empty();
    }
  }

  private void preempt(EngineState engine, Event event) {
    CsvFile csv = table(rank(engine), Table.PREEMPTIONS);
    time(csv, event.t())
        .cell(event.text("request", ""))
        .cell("preempted")
        .cell(event.text("cause", ""));
    duration(csv, event, "running_ns");
    csv.cell(
        "computed_tokens="
            + event.number("computed_tokens")
            + ";output_tokens="
            + event.number("output_tokens")
            + ";kv_used_blocks="
            + event.number("kv_used_blocks")
            + ";kv_total_blocks="
            + event.number("kv_total_blocks")
            + ";by="
            + event.text("by", ""));
    csv.endRow();
  }

  private void resumed(EngineState engine, Event event) {
    CsvFile csv = table(rank(engine), Table.PREEMPTIONS);
    time(csv, event.t()).cell(event.text("request", "")).cell("resumed");
    csv.empty().empty().empty();
    csv.endRow();
  }

  private void request(EngineState engine, String id, RequestState request) {
    CsvFile csv = table(rank(engine), Table.REQUESTS);
    time(csv.cell(id), request.startedT());
    time(csv, request.preemptedT);
    time(csv, request.resumedT);
    time(csv, request.finishedT);
    boolean whole = request.finishedT >= 0 && request.startedT() >= 0;
    if (whole) {
      csv.cell((request.finishedT - request.startedT()) / SECOND_NS, 6);
    } else {
      csv.empty();
    }
    csv.cell(request.preemptedNs / SECOND_NS, 6);
    time(csv, request.queuedT);
    time(csv, request.firstTokenT);
    csv.cell(request.promptTokens)
        .cell(request.outputTokens)
        .cell(request.preemptions)
        .cell(request.reason);
    csv.endRow();
  }

  /// Lets readers see all rows so far, and writes anew the tables that are sums.
  void flush(SessionState state) {
    for (WorkerState worker : state.workers()) {
      if (graphsWritten.getOrDefault(worker.rank(), -1L) != worker.graphsChanged()) {
        writeGraphs(worker);
      }
      if (expertsChanged.remove(worker.rank())) {
        writeExperts(worker);
      }
    }
    growing.values().forEach(CsvFile::flush);
  }

  private void writeGraphs(WorkerState worker) {
    Set<String> further = new LinkedHashSet<>(GraphKey.FURTHER);
    worker.graphs().keySet().forEach(key -> further.addAll(key.further().keySet()));
    List<String> captures = new ArrayList<>(CAPTURES);
    captures.addAll(further);
    captures.addAll(List.of("capture_duration_sec", "graphs"));
    CsvFile.replace(
        path(worker.rank(), "cuda_graph_captures.csv"),
        captures,
        csv ->
            worker
                .graphs()
                .forEach((key, use) -> {
                  if (use.capturedT() >= 0) {
                    time(key(csv, key), use.capturedT());
                    further.forEach(name -> csv.cell(key.fields().getOrDefault(name, "")));
                    csv.cell(use.captureSeconds(), 6).cell(use.pieces());
                    csv.endRow();
                  }
                }));
    List<String> usage = new ArrayList<>(USAGE);
    usage.addAll(further);
    usage.addAll(List.of("padded_tokens", "padding_tokens", "pieces_replayed"));
    CsvFile.replace(
        path(worker.rank(), "cuda_graph_usage.csv"),
        usage,
        csv ->
            worker
                .graphs()
                .forEach((key, use) -> {
                  key(csv, key).cell(use.forwards());
                  further.forEach(name -> csv.cell(key.fields().getOrDefault(name, "")));
                  csv.cell(use.paddedTokens()).cell(use.paddingTokens()).cell(use.replays());
                  csv.endRow();
                }));
    graphsWritten.put(worker.rank(), worker.graphsChanged());
  }

  private static CsvFile key(CsvFile csv, GraphKey key) {
    return csv.cell(key.mode())
        .cell(key.fields().getOrDefault("num_tokens", ""))
        .cell(key.requests())
        .cell(key.uniform())
        .cell(key.hasLora());
  }

  private void writeExperts(WorkerState worker) {
    CsvFile.replace(
        path(worker.rank(), "moe_expert_activations.csv"),
        List.of("layer_idx", "expert_id", "activation_count", "percentage"),
        csv -> {
          for (ExpertLoad load : worker.experts().values()) {
            long[] counts = load.counts();
            long total = load.total();
            for (int expert = 0; expert < counts.length; expert++) {
              csv.cell(load.layer())
                  .cell(expert)
                  .cell(counts[expert])
                  .cell(percent(counts[expert], total), 4);
              csv.endRow();
            }
          }
        });
  }

  /// Writes the requests that have not ended, with what is known of them, and all that is left.
  void finish(SessionState state) {
    for (EngineState engine : state.engines()) {
      engine.requests().forEach((id, request) -> request(engine, id, request));
    }
    flush(state);
  }

  @Override
  public void close() {
    growing.values().forEach(CsvFile::close);
  }
}
