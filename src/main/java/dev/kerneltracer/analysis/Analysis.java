package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceMetadata;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.IntPredicate;
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

  public Analysis(Filter filter) {
    this.filter = filter;
  }

  /// What depends on the rows of the CPU.
  private record HostTables(
      OperatorTable operators, OperatorKernelTable operatorKernels, ModuleTable modules) {}

  /// Adds a trace, on two cores.
  public AnalyzedTrace add(String file, Trace trace) throws InterruptedException {
    // Kernels need no links unless they are chosen by step: both are made side by side.
    @Nullable FutureTask<SelectedRows> early =
        filter.ofSteps() ? null : started(() -> addKernels(trace, selection(trace, null)));
    TraceLinks links = TraceLinks.of(trace);
    StepView steps = new StepView(trace, links);
    BitSet wanted = wanted(steps);
    SelectedRows rows =
        early == null
            ? addKernels(
                trace,
                selection(
                    trace,
                    row -> {
                      int step = steps.step(row);
                      return step >= 0 && wanted.get(step);
                    }))
            : ended(early);
    ModulePaths paths = new ModulePaths(trace, links);
    FutureTask<HostTables> host = started(() -> hostTables(trace, links, paths, rows));
    Totals totals = Totals.of(trace, links, rows);
    add(ended(host));
    TraceMetadata metadata = trace.metadata();
    TreeSet<String> devices = new TreeSet<>();
    metadata.devices().forEach(device -> devices.add(device.name()));
    devices.remove("");
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
            links.idsAreCorrelations(),
            rows.hasPython());
    traces.add(summary);
    return new AnalyzedTrace(summary, trace, links, rows, steps, paths);
  }

  private Selection selection(Trace trace, @Nullable IntPredicate steps) {
    return Selection.of(trace, steps, filter.kernel());
  }

  private SelectedRows addKernels(Trace trace, Selection selection) {
    SelectedRows rows = SelectedRows.of(trace, selection);
    kernelSums.add(trace, rows);
    return rows;
  }

  private BitSet wanted(StepView steps) {
    BitSet wanted = new BitSet();
    for (int i = 0; i < steps.rows().size(); i++) {
      StepView.Row step = steps.rows().get(i);
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
        ModuleTable.of(trace, links, paths, rows));
  }

  private void add(HostTables tables) {
    boolean first = traces.isEmpty();
    operators = first ? tables.operators : operators.plus(tables.operators);
    operatorKernels = first ? tables.operatorKernels : operatorKernels.plus(tables.operatorKernels);
    modules = first ? tables.modules : modules.plus(tables.modules);
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
