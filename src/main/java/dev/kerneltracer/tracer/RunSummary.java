package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.UserException;
import dev.kerneltracer.report.CsvFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `run.json` (the last command and how every job of the directory ended) and `summary.csv` (a row
/// per job). Runs may share an output directory, so a job's end replaces its own row and no other.
/// Both are written while jobs end, but not so often that it would be felt, and at the end.
public final class RunSummary implements AutoCloseable {
  /// Between two writings, and so many times as long as one takes.
  private static final long PAUSE_NS = 1_000_000_000;

  private static final int PAUSES = 20;

  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> COLUMNS =
      List.of(
          "model",
          "framework",
          "mode",
          "tracer",
          "device",
          "outcome",
          "reason",
          "duration_s",
          "peak_rss_bytes",
          "peak_gpu_bytes",
          "timestamp",
          "directory");

  private final Path outputDirectory;
  private final List<String> command;
  private final List<TraceJob> planned;
  private final Map<String, JsonNode> ended = new TreeMap<>();
  private final Thread writer;
  private boolean changed;
  private boolean closed;

  /// Nothing is written before a job has ended.
  ///
  /// @param command the command line
  /// @param planned all its jobs, also those that it may not come to
  public RunSummary(Path outputDirectory, List<String> command, List<TraceJob> planned) {
    this.outputDirectory = outputDirectory;
    this.command = List.copyOf(command);
    this.planned = List.copyOf(planned);
    this.writer = Thread.ofVirtual().name("summary").start(this::writeUntilClosed);
  }

  /// Takes a job's end; any thread.
  public synchronized void add(JobResult result) {
    add(result.status(), result.directory());
  }

  public synchronized void add(JobStatus status, Path directory) {
    String relative = outputDirectory.relativize(directory).toString();
    ended.put(relative, row(status, relative));
    changed = true;
    notifyAll();
  }

  private void writeUntilClosed() {
    try {
      long pauseNs = 0;
      while (true) {
        Map<String, JsonNode> rows = changes(pauseNs);
        if (rows == null) {
          return;
        }
        long startNs = System.nanoTime();
        try {
          write(rows);
        } catch (IOException | UserException e) {
          // Told when the last writing fails as well.
        }
        pauseNs = Math.max(PAUSE_NS, PAUSES * (System.nanoTime() - startNs));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Waits for the pause and for news; null at the end.
  private synchronized @Nullable Map<String, JsonNode> changes(long pauseNs)
      throws InterruptedException {
    long endNs = System.nanoTime() + pauseNs;
    for (long leftNs = pauseNs; leftNs > 0 && !closed; leftNs = endNs - System.nanoTime()) {
      wait(leftNs / 1_000_000 + 1);
    }
    while (!changed && !closed) {
      wait();
    }
    changed = false;
    return closed ? null : Map.copyOf(ended);
  }

  /// Writes what is left.
  ///
  /// @throws UserException where it cannot be written
  @Override
  public void close() throws IOException {
    Map<String, JsonNode> rows;
    synchronized (this) {
      closed = true;
      rows = Map.copyOf(ended);
      notifyAll();
    }
    // An interrupted run writes its summary, too.
    boolean interrupted = Thread.interrupted();
    try {
      writer.join();
      if (!rows.isEmpty()) {
        write(rows);
      }
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void write(Map<String, JsonNode> rows) throws IOException {
    Files.createDirectories(outputDirectory);
    Path lock = outputDirectory.resolve(".run.lock");
    try (FileChannel channel =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = channel.lock()) {
      Path file = outputDirectory.resolve("run.json");
      Path table = outputDirectory.resolve("summary.csv");
      AtomicFile.removeLeftovers(file);
      AtomicFile.removeLeftovers(table);
      Map<String, JsonNode> jobs = new TreeMap<>();
      for (JsonNode job : read(file).path("jobs")) {
        jobs.put(job.path("directory").asString(""), job);
      }
      jobs.putAll(rows);
      ObjectNode run = JSON.createObjectNode();
      ArrayNode words = run.putArray("command");
      command.forEach(words::add);
      ArrayNode plan = run.putArray("plan");
      planned.forEach(job -> plan.add(job.relativeDirectory().toString()));
      run.put("ended", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
      ArrayNode all = run.putArray("jobs");
      jobs.values().forEach(all::add);
      AtomicFile.writeString(file, run.toPrettyString() + "\n");
      CsvFile.write(
          table,
          COLUMNS,
          csv -> {
            for (JsonNode job : jobs.values()) {
              csv.row(COLUMNS.stream().map(name -> (Object) job.path(name).asString("")).toArray());
            }
          });
    }
  }

  private static JsonNode read(Path file) throws IOException {
    try {
      return Files.exists(file) ? JSON.readTree(Files.readString(file)) : JSON.createObjectNode();
    } catch (JacksonException e) {
      return JSON.createObjectNode();
    }
  }

  private static ObjectNode row(JobStatus status, String directory) {
    ObjectNode node = JSON.createObjectNode();
    ObjectNode full = status.toJson();
    for (String column : COLUMNS) {
      if (full.has(column)) {
        node.set(column, full.get(column));
      }
    }
    node.put("directory", directory);
    return node;
  }
}
