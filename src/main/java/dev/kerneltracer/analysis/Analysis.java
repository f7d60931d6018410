package dev.kerneltracer.analysis;

import dev.kerneltracer.SecondCore;
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
  private record Unlinked(DeviceWork work, HostWaits waits, @Nullable SelectedRows rows) {}

  /// The tables that need no steps.
  private record Tables(
      OperatorTable operators,
      OperatorKernelTable operatorKernels,
      ModuleTable modules,
      MemoryTable memory,
      Totals totals,
      Gaps gaps,
      Communication communication) {}

  /// Adds a trace, on two cores.
  public AnalyzedTrace add(String file, Trace trace) throws InterruptedException {
    FutureTask<Unlinked> early = SecondCore.started(() -> unlinked(trace));
    TraceLinks links = TraceLinks.of(trace);
    Unlinked unlinked = SecondCore.ended(early);
    ModulePaths modules = new ModulePaths(trace, links);
    @Nullable SelectedRows chosen = unlinked.rows;
    if (chosen != null) {
      FutureTask<Tables> tables =
          SecondCore.started(() -> tables(trace, links, unlinked, chosen, modules));
      Steps steps = Steps.of(trace, links, unlinked.work);
      return add(file, trace, links, unlinked, steps, chosen, modules, tables);
    }
    Steps steps = Steps.of(trace, links, unlinked.work);
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
    FutureTask<Tables> tables =
        SecondCore.started(() -> tables(trace, links, unlinked, rows, modules));
    return add(file, trace, links, unlinked, steps, rows, modules, tables);
  }

  private Unlinked unlinked(Trace trace) {
    SelectedRows all = SelectedRows.of(trace, Selection.ALL);
    DeviceWork work = DeviceWork.of(trace, all);
    HostWaits waits = HostWaits.of(trace);
    if (filter.ofSteps()) {
      return new Unlinked(work, waits, null);
    }
    if (filter.kernel() != null) {
      Selection selection = Selection.of(trace, null, filter.kernel());
      return new Unlinked(work, waits, addKernels(trace, selection));
    }
    kernelSums.add(trace, all);
    return new Unlinked(work, waits, all);
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

  private Tables tables(
      Trace trace, TraceLinks links, Unlinked unlinked, SelectedRows rows, ModulePaths modules) {
    DeviceWork work = unlinked.work;
    OperatorCalls calls = new OperatorCalls(trace, links, rows);
    DeviceWork selected = filter.selectsRows() ? DeviceWork.of(trace, rows) : work;
    return new Tables(
        OperatorTable.ofSelf(trace, calls, rows),
        OperatorKernelTable.of(trace, links, calls, rows),
        ModuleTable.of(trace, links, modules, rows),
        MemoryTable.of(trace, links),
        Totals.of(trace, links, rows, selected),
        Gaps.of(trace, links, work, unlinked.waits),
        Communication.of(trace, links, work, rows));
  }

  private AnalyzedTrace add(
      String file,
      Trace trace,
      TraceLinks links,
      Unlinked unlinked,
      Steps steps,
      SelectedRows rows,
      ModulePaths modulePaths,
      FutureTask<Tables> task)
      throws InterruptedException {
    CriticalPath path = CriticalPath.of(trace, links, unlinked.work, unlinked.waits, steps);
    Tables tables = SecondCore.ended(task);
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
            tables.totals,
            wanted.stream().mapToObj(steps.rows()::get).toList(),
            steps.rows().size(),
            wanted,
            idle(tables.gaps, rows),
            links.idsAreCorrelations(),
            rows.hasModules());
    boolean first = traces.isEmpty();
    operators = first ? tables.operators : operators.plus(tables.operators);
    operatorKernels = first ? tables.operatorKernels : operatorKernels.plus(tables.operatorKernels);
    modules = first ? tables.modules : modules.plus(tables.modules);
    communication = first ? tables.communication : communication.plus(tables.communication);
    traces.add(summary);
    return new AnalyzedTrace(
        summary, trace, links, rows, steps, tables.gaps, path, tables.memory, modulePaths);
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
