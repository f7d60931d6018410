package dev.kerneltracer.live;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// All that is known of a watched server: its processes, engines and workers. Not for several
/// threads at once.
public final class SessionState {
  /// What else is done with an event, once it is known whose it is.
  interface Listener {
    /// An event of an engine's.
    ///
    /// @param finished the request that ended with it; null for all other events
    void engine(EngineState engine, Event event, @Nullable RequestState finished);

    void worker(WorkerState worker, Event event);

    void operation(Rank rank, Event event);
  }

  private final Map<Integer, EngineState> engines = new TreeMap<>();
  private final Map<Rank, WorkerState> workers = new TreeMap<>();
  private final Map<String, ProcessState> processes = new TreeMap<>();
  private long events;
  private long firstT = Long.MAX_VALUE;
  private long lastT;

  ProcessState process(String file) {
    return processes.computeIfAbsent(file, _ -> new ProcessState());
  }

  /// Takes in one event.
  ///
  /// @param linesOfGoneFiles as [ProcessState#dropped] has it
  void take(ProcessState process, Event event, long linesOfGoneFiles, Listener listener) {
    events++;
    firstT = Math.min(firstT, event.t());
    lastT = Math.max(lastT, event.t());
    switch (event.name()) {
      case "hello" -> process.hello(event);
      case "bye" -> process.bye();
      case "dropped" -> process.dropped(event, linesOfGoneFiles);
      case "problem" -> process.problem(event);
      case "switch" -> process.switched(event.flag("on"));
      case "engine" -> {
        EngineState engine = engine((int) event.number("dp_rank"));
        engine.engine(event);
        process.isEngine(engine);
      }
      case "worker" -> {
        WorkerState worker = workers.computeIfAbsent(Rank.of(event), WorkerState::new);
        worker.worker(event);
        process.isWorker(worker);
      }
      case "capture", "forward", "moe" -> {
        WorkerState worker = worker(process);
        worker.take(event);
        listener.worker(worker, event);
      }
      case "step", "evict", "preempt", "request" -> {
        EngineState engine = engine(process);
        listener.engine(engine, event, engine.take(event));
      }
      case "cpu_operation" -> listener.operation(rank(process), event);
      default -> {
        // `alive`, hooks of one's own, and what later probes write.
      }
    }
  }

  private EngineState engine(int dataParallelRank) {
    return engines.computeIfAbsent(dataParallelRank, EngineState::new);
  }

  private EngineState engine(ProcessState process) {
    EngineState engine = process.engine();
    if (engine == null) {
      engine = engine(0);
      process.isEngine(engine);
    }
    return engine;
  }

  private WorkerState worker(ProcessState process) {
    WorkerState worker = process.worker();
    if (worker == null) {
      worker = workers.computeIfAbsent(Rank.FIRST, WorkerState::new);
      process.isWorker(worker);
    }
    return worker;
  }

  private static Rank rank(ProcessState process) {
    EngineState engine = process.engine();
    if (engine != null) {
      return new Rank(engine.dataParallelRank(), 0, 0);
    }
    WorkerState worker = process.worker();
    return worker == null ? Rank.FIRST : worker.rank();
  }

  public Collection<EngineState> engines() {
    return engines.values();
  }

  public Collection<WorkerState> workers() {
    return workers.values();
  }

  public Collection<ProcessState> processes() {
    return processes.values();
  }

  public long events() {
    return events;
  }

  /// The latest time that any process told, of CLOCK_MONOTONIC; living ones tell it each second.
  public long nowT() {
    return lastT;
  }

  /// From the first event to the last.
  public long spanNs() {
    return events == 0 ? 0 : lastT - firstT;
  }

  long firstT() {
    return events == 0 ? 0 : firstT;
  }

  /// Lines that are missing in what was read.
  public long lost() {
    return processes.values().stream().mapToLong(ProcessState::lost).sum();
  }
}
