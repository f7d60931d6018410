package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceMetadata;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// The tables of one or many traces together. They are added one after the other, so that only one
/// trace's columns are in memory; kernels, operators and modules of the same name are summed over
/// the traces. Times of different traces are never compared: each has the clock of its host.
public final class Analysis {
  private final Filter filter;
  private final List<TraceSummary> traces = new ArrayList<>();
  private final KernelTable.Builder kernelSums = new KernelTable.Builder();
  private OperatorTable operators = new OperatorTable(List.of());
  private OperatorKernelTable operatorKernels = new OperatorKernelTable(List.of());
  private ModuleTable modules = new ModuleTable(List.of());
  private Communication communication = new Communication(List.of());

  public Analysis(Filter filter) {
    this.filter = filter;
  }

  /// What needs no links.
  ///
  /// @param work of the whole trace
  /// @param rows the selected ones, null where steps select them
  private record DeviceRows(DeviceWork work, @Nullable SelectedRows rows) {}

  /// What depends on the rows of the CPU alone.
  private record HostTables(
      OperatorTable operators,
      OperatorKernelTable operatorKernels,
      ModuleTable modules,
      MemoryTable memory) {}

  /// Adds a trace, on two cores.
  public AnalyzedTrace add(String file, Trace trace) throws InterruptedException {
    FutureTask<DeviceRows> early = started(() -> deviceRows(trace));
    TraceLinks links = TraceLinks.of(trace);
    DeviceWork work = ended(early).work;
    @Nullable SelectedRows chosen = ended(early).rows;
    ModulePaths paths = new ModulePaths(trace, links);
    if (chosen != null) {
      FutureTask<HostTables> host = started(() -> hostTables(trace, links, paths, chosen));
      Steps steps = Steps.of(trace, links, work);
      return add(file, trace, links, work, steps, chosen, paths, host);
    }
    Steps steps = Steps.of(trace, links, work);
    BitSet wanted = wanted(steps);
    SelectedRows rows =
        addKernels(
            trace,
            Selection.of(
                trace,
                row -> {
                  int step = steps.step(row);
                  return step >= 0 && wanted.get(step);
                },
                filter.kernel()));
    FutureTask<HostTables> host = started(() -> hostTables(trace, links, paths, rows));
    return add(file, trace, links, work, steps, rows, paths, host);
  }

  private DeviceRows deviceRows(Trace trace) {
    SelectedRows all = SelectedRows.of(trace, Selection.ALL);
    DeviceWork work = DeviceWork.of(trace, all);
    if (filter.ofSteps()) {
      return new DeviceRows(work, null);
    }
    if (filter.kernel() != null) {
      return new DeviceRows(work, addKernels(trace, Selection.of(trace, null, filter.kernel())));
    }
    kernelSums.add(trace, all);
    return new DeviceRows(work, all);
  }

  private SelectedRows addKernels(Trace trace, Selection selection) {
    SelectedRows rows = SelectedRows.of(trace, selection);
    kernelSums.add(trace, rows);
    return rows;
  }

  private BitSet wanted(Steps steps) {
    BitSet wanted = new BitSet();
    for (int i = 0; i < steps.rows().size(); i++) {
      Steps.Row step = steps.rows().get(i);
      wanted.set(i, filter.hasStep(step.step(), step.phase().text()));
    }
    return wanted;
  }

  private static HostTables hostTables(
      Trace trace, TraceLinks links, ModulePaths paths, SelectedRows rows) {
    OperatorCalls calls = new OperatorCalls(trace, links, rows);
    return new HostTables(
        OperatorTable.withoutStacks(trace, calls, rows),
        OperatorKernelTable.of(trace, links, calls, rows),
        ModuleTable.of(trace, links, paths, rows),
        MemoryTable.of(trace, links));
  }

  private AnalyzedTrace add(
      String file,
      Trace trace,
      TraceLinks links,
      DeviceWork work,
      Steps steps,
      SelectedRows rows,
      ModulePaths paths,
      FutureTask<HostTables> host)
      throws InterruptedException {
    DeviceWork selectedWork = filter.selectsRows() ? DeviceWork.of(trace, rows) : work;
    Totals totals = Totals.of(trace, links, rows, selectedWork);
    Gaps gaps = Gaps.of(trace, links, work);
    Communication exchanged = Communication.of(trace, links, work, rows);
    CriticalPath path = CriticalPath.of(trace, links, work, steps);
    TraceMetadata metadata = trace.metadata();
    TreeSet<String> devices = new TreeSet<>();
    metadata.devices().forEach(device -> devices.add(device.name()));
    devices.remove("");
    BitSet wanted = wanted(steps);
    TraceSummary summary =
        new TraceSummary(
            file,
            metadata.rank(),
            metadata.worldSize(),
            List.copyOf(devices),
            trace.trust(),
            totals,
            wanted.stream().mapToObj(steps.rows()::get).toList(),
            steps.rows().size(),
            wanted,
            idle(gaps, rows),
            links.idsAreCorrelations(),
            rows.hasPython());
    HostTables tables = ended(host);
    boolean first = traces.isEmpty();
    operators = first ? tables.operators : operators.plus(tables.operators);
    operatorKernels = first ? tables.operatorKernels : operatorKernels.plus(tables.operatorKernels);
    modules = first ? tables.modules : modules.plus(tables.modules);
    communication = first ? exchanged : communication.plus(exchanged);
    traces.add(summary);
    return new AnalyzedTrace(summary, trace, links, rows, steps, gaps, path, tables.memory, paths);
  }

  /// The time of the selected gaps by cause: of those that end with selected work.
  private static Map<Gaps.Cause, Long> idle(Gaps gaps, SelectedRows rows) {
    Map<Gaps.Cause, Long> idle = new EnumMap<>(Gaps.Cause.class);
    for (Gaps.Cause cause : Gaps.Cause.values()) {
      idle.put(cause, 0L);
    }
    for (int gap = 0; gap < gaps.size(); gap++) {
      if (rows.has(gaps.rowAfter(gap))) {
        idle.merge(gaps.cause(gap), gaps.durationNs(gap), Long::sum);
      }
    }
    return idle;
  }

  private static <T> FutureTask<T> started(Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    Thread.ofPlatform().name("tables").daemon().start(task);
    return task;
  }

  private static <T> T ended(FutureTask<T> task) throws InterruptedException {
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  public Filter filter() {
    return filter;
  }

  /// The traces in the order in which they were added.
  public List<TraceSummary> traces() {
    return List.copyOf(traces);
  }

  public KernelTable kernels() {
    return kernelSums.build();
  }

  public OperatorTable operators() {
    return operators;
  }

  public OperatorKernelTable operatorKernels() {
    return operatorKernels;
  }

  public ModuleTable modules() {
    return modules;
  }

  public Communication communication() {
    return communication;
  }

  /// The time of the gaps of all devices by cause.
  public Map<Gaps.Cause, Long> idleNs() {
    Map<Gaps.Cause, Long> idle = new EnumMap<>(Gaps.Cause.class);
    for (TraceSummary trace : traces) {
      trace.idleNs().forEach((cause, ns) -> idle.merge(cause, ns, Long::sum));
    }
    return idle;
  }

  /// The ranks that the traces name, each once.
  public List<Integer> ranks() {
    TreeSet<Integer> ranks = new TreeSet<>();
    for (TraceSummary trace : traces) {
      trace.rank().ifPresent(ranks::add);
    }
    return List.copyOf(ranks);
  }

  /// The busy time of each device: of one trace by `device`, of several by `rank/device`, or
  /// `file/device` where a trace names no rank.
  public Map<String, Long> busyNs() {
    Map<String, Long> busy = new TreeMap<>();
    for (TraceSummary trace : traces) {
      trace
          .totals()
          .busyNs()
          .forEach((device, ns) -> busy.merge(deviceLabel(trace, device), ns, Long::sum));
    }
    return busy;
  }

  private String deviceLabel(TraceSummary trace, String device) {
    if (traces.size() == 1) {
      return device;
    }
    return (trace.rank().isPresent() ? "" + trace.rank().getAsInt() : trace.file()) + "/" + device;
  }
}
