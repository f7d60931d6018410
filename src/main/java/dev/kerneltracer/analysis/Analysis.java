package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceMetadata;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

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
    TraceLinks links = TraceLinks.of(trace);
    StepView steps = new StepView(trace, links);
    BitSet wanted = wanted(steps);
    Selection selection =
        Selection.of(
            trace,
            filter.ofSteps()
                ? row -> {
                  int step = steps.step(row);
                  return step >= 0 && wanted.get(step);
                }
                : null,
            filter.kernel());
    ModulePaths paths = new ModulePaths(trace, links);
    FutureTask<HostTables> host =
        new FutureTask<>(() -> hostTables(trace, links, paths, selection));
    Thread.ofPlatform().name("host tables").daemon().start(host);
    kernelSums.add(trace, selection);
    Totals totals = Totals.of(trace, links, selection);
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
            hasPython(trace));
    traces.add(summary);
    return new AnalyzedTrace(summary, trace, links, selection, steps, paths);
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
      Trace trace, TraceLinks links, ModulePaths paths, Selection selection) {
    OperatorCalls calls = new OperatorCalls(trace, links, selection);
    return new HostTables(
        OperatorTable.withoutStacks(trace, calls, selection),
        OperatorKernelTable.of(trace, links, calls, selection),
        ModuleTable.of(trace, links, paths, selection));
  }

  private void add(HostTables tables) {
    boolean first = traces.isEmpty();
    operators = first ? tables.operators : operators.plus(tables.operators);
    operatorKernels = first ? tables.operatorKernels : operatorKernels.plus(tables.operatorKernels);
    modules = first ? tables.modules : modules.plus(tables.modules);
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

  private static boolean hasPython(Trace trace) {
    Events events = trace.events();
    for (int row = 0; row < events.size(); row++) {
      if (events.category(row) == Category.PYTHON_FUNCTION) {
        return true;
      }
    }
    return false;
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
