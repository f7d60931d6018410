package dev.kerneltracer.live;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.FileClaim;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Follows the directory of one watched server: its event files as they appear and grow, the state
/// that they tell, and the CSV tables made from them. [#update] and [#close] are one thread's; who
/// reads the state meanwhile holds this object's lock.
public final class WatchedSession implements AutoCloseable {
  /// What is read of one file before the next has its turn.
  private static final long TURN_BYTES = 1 << 20;

  /// How long a living process may write nothing: it says so once a second.
  private static final long SILENT_MS = 5_000;

  private static final String EVENTS = "events";

  private final Path directory;
  private final boolean wantsTables;
  private final long interval;
  private final SessionState state = new SessionState();
  private final Map<String, EventFile> files = new LinkedHashMap<>();
  private final List<String> problems = new ArrayList<>();

  /// Tables, of which any row may fail.
  private final SessionState.Listener guarded =
      new SessionState.Listener() {
        @Override
        public void engine(EngineState engine, Event event, @Nullable RequestState finished) {
          write(open -> open.engine(engine, event, finished));
        }

        @Override
        public void worker(WorkerState worker, Event event) {
          write(open -> open.worker(worker, event));
        }

        @Override
        public void operation(Rank rank, Event event) {
          write(open -> open.operation(rank, event));
        }
      };

  private @Nullable SessionTables tables;
  private @Nullable FileClaim claim;
  private boolean tablesDecided;
  private boolean tablesFailed;
  private boolean gone;
  private long startT = -1;
  private boolean probeWritesTables;

  /// @param directory of the session; it may not be there yet
  /// @param wantsTables whether the CSV tables are to be written, where nobody else does so
  /// @param interval every how manieth operation stands in the sampled tables
  public WatchedSession(Path directory, boolean wantsTables, long interval) {
    this.directory = directory;
    this.wantsTables = wantsTables;
    this.interval = Math.max(1, interval);
  }

  /// The interval that the environment asks for.
  public static long interval(Map<String, String> environment) {
    String text = environment.getOrDefault("VLLM_PROFILING_LOG_INTERVAL", "").strip();
    return text.matches("[1-9][0-9]{0,8}") ? Long.parseLong(text) : 100;
  }

  public Path directory() {
    return directory;
  }

  public String name() {
    return directory.toAbsolutePath().normalize().getFileName().toString();
  }

  public SessionState state() {
    return state;
  }

  /// What went wrong in reading and writing, a sentence each.
  public List<String> problems() {
    return List.copyOf(problems);
  }

  /// Lines that could not be read.
  public long badLines() {
    return files.values().stream().mapToLong(EventFile::badLines).sum();
  }

  /// Files whose last line has no end: their processes were killed while they wrote.
  public long cutFiles() {
    return files.values().stream().filter(EventFile::isCut).count();
  }

  /// Whether any event file has been seen.
  public boolean hasBegun() {
    return !files.isEmpty();
  }

  /// Whether tables are written by this reader.
  public boolean writesTables() {
    return tables != null && !tablesFailed;
  }

  /// Since the session's start, as the tables count.
  public long sinceStartNs() {
    return state.events() == 0 ? 0 : state.nowT() - Math.max(0, startT);
  }

  /// Reads what has been written since the last call, at most a few MiB of each file.
  ///
  /// @return whether more is there already
  public synchronized boolean update() {
    if (gone) {
      return false;
    }
    findFiles();
    boolean more = false;
    for (Map.Entry<String, EventFile> file : files.entrySet()) {
      more |= read(file.getKey(), file.getValue());
    }
    write(open -> open.flush(state));
    return more;
  }

  private boolean read(String name, EventFile file) {
    ProcessState process = state.process(name);
    try {
      long read =
          file.read(
              TURN_BYTES,
              event -> {
                decideTables(event);
                state.take(process, event, file.linesOfGoneFiles(), guarded);
              });
      return read >= TURN_BYTES;
    } catch (IOException e) {
      note("cannot read " + name + ": " + AtomicFile.reason(e));
      return false;
    }
  }

  private void findFiles() {
    Path events = directory.resolve(EVENTS);
    try (DirectoryStream<Path> found = Files.newDirectoryStream(events, "*.jsonl")) {
      List<Path> sorted = new ArrayList<>();
      found.forEach(sorted::add);
      sorted.sort(null);
      for (Path file : sorted) {
        String name = file.getFileName().toString();
        if (!name.endsWith(".1.jsonl") && !files.containsKey(name)) {
          files.put(name, new EventFile(file));
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      if (!files.isEmpty() && !Files.exists(events)) {
        gone = true;
        note("the session's directory was removed: what was read of it until then is shown");
      }
    }
  }

  private void note(String problem) {
    if (!problems.contains(problem) && problems.size() < 20) {
      problems.add(problem);
    }
  }

  /// With the first event the session's start is known: tables can begin.
  private void decideTables(Event first) {
    if (tablesDecided) {
      return;
    }
    tablesDecided = true;
    readStart(first);
    if (!wantsTables) {
      return;
    }
    if (probeWritesTables) {
      note("the probe writes the tables of this session itself; they are left to it");
      return;
    }
    boolean incomplete =
        hasFilesPutAside() && Files.exists(directory.resolve(Table.KV_USAGE.file()));
    if (incomplete) {
      note("the tables are left as they are: older events that they were made from may be gone");
      return;
    }
    try {
      claim = FileClaim.tryTake(directory.resolve(".reader"));
      if (claim == null) {
        note(
            "another kerneltracer writes the tables of this session"
                + FileClaim.holder(directory.resolve(".reader")));
        return;
      }
      tables = new SessionTables(directory, startT, interval);
    } catch (IOException e) {
      note("tables are not written: " + AtomicFile.reason(e));
    } catch (UserException e) {
      note("tables are not written: " + e.getMessage());
    }
  }

  private boolean hasFilesPutAside() {
    try (DirectoryStream<Path> aside =
        Files.newDirectoryStream(directory.resolve(EVENTS), "*.1.jsonl")) {
      return aside.iterator().hasNext();
    } catch (IOException e) {
      return false;
    }
  }

  private void readStart(Event first) {
    startT = first.t();
    try {
      byte[] bytes = Files.readAllBytes(directory.resolve("session.json"));
      String text = new String(bytes, StandardCharsets.UTF_8).strip();
      // Read as an event, which it is not for want of a name and a time.
      byte[] event =
          ("{\"event\":\"session\",\"t\":0," + text.substring(Math.min(1, text.length())))
              .getBytes(StandardCharsets.UTF_8);
      Event session = Event.parse(event, 0, event.length);
      if (session == null) {
        note("session.json cannot be read: times count from the first event");
        return;
      }
      startT = session.number("start_monotonic_ns", startT);
      probeWritesTables = session.flag("tables");
    } catch (IOException e) {
      note("there is no session.json: times count from the first event");
    }
  }

  private interface Writing {
    void to(SessionTables open);
  }

  /// A full disk ends the tables, not the watching.
  private void write(Writing writing) {
    SessionTables open = tables;
    if (open == null || tablesFailed || gone) {
      return;
    }
    try {
      writing.to(open);
    } catch (UserException e) {
      tablesFailed = true;
      if (Files.exists(directory)) {
        note("tables are written no further: " + e.getMessage());
      }
    }
  }

  /// Whether no process of the server can write any more: each has said so, or is gone.
  public synchronized boolean isOver() {
    if (gone) {
      return true;
    }
    if (files.isEmpty()) {
      return false;
    }
    for (Map.Entry<String, EventFile> file : files.entrySet()) {
      ProcessState process = state.process(file.getKey());
      if (!process.saidBye() && mayWrite(process, file.getValue())) {
        return false;
      }
    }
    return true;
  }

  /// A process of another machine or container cannot be looked up: it counts as gone when it has
  /// been silent for long.
  private static boolean mayWrite(ProcessState process, EventFile file) {
    boolean silent = System.currentTimeMillis() - file.modifiedMs() > SILENT_MS;
    return !silent || process.isAlive();
  }

  /// Reads the rest and finishes the tables.
  @Override
  public void close() {
    while (update()) {
      // Until the files' end.
    }
    synchronized (this) {
      write(open -> open.finish(state));
      if (writesTables() && !gone) {
        writeSummary();
      }
      try {
        if (tables != null) {
          tables.close();
        }
      } catch (UserException e) {
        note(e.getMessage() == null ? "tables cannot be closed" : e.getMessage());
      }
      for (EventFile file : files.values()) {
        try {
          file.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e); // closing what was only read cannot fail
        }
      }
      if (claim != null) {
        claim.close();
      }
    }
  }

  private void writeSummary() {
    try {
      CacheSummary.write(directory.resolve(CacheSummary.FILE), this);
    } catch (UserException e) {
      if (Files.exists(directory)) {
        note("the summary is not written: " + e.getMessage());
      }
    }
  }
}
