package dev.kerneltracer.analysis;

import dev.kerneltracer.analysis.InferencePath.Call;
import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.Trust;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/// An inference path with the trace of a run of the same steps in which the module calls are
/// marked: what each module costs, and the operators and kernels that it runs.
///
/// Steps of both belong together by name and order, the calls of a step by module and order. Where
/// a module was called more often in one run than in the other, its costs are not known.
public final class TracedPath {
  /// Of these phases the first that there is says what a token costs.
  private static final List<Steps.Phase> TOKEN_PHASES =
      List.of(
          Steps.Phase.DECODE,
          Steps.Phase.FORWARD,
          Steps.Phase.MIXED,
          Steps.Phase.PREFILL,
          Steps.Phase.UNKNOWN);

  private final InferencePath path;
  private final Trace trace;
  private final Events events;
  private final TraceLinks links;
  private final DeviceWork work;
  private final Steps steps;
  private final ModulePaths modules;
  private final ModuleLists lists;
  private final ModuleCosts costs;
  private final int[] pathSteps;

  private TracedPath(InferencePath path, Trace trace) {
    this.path = path;
    this.trace = trace;
    this.events = trace.events();
    this.links = TraceLinks.of(trace);
    this.work = DeviceWork.of(trace);
    this.steps = Steps.of(trace, links, work);
    this.modules = new ModulePaths(trace, links);
    this.lists = new ModuleLists(path);
    this.costs = new ModuleCosts(trace, links, work);
    this.pathSteps = pathSteps();
  }

  public static TracedPath of(InferencePath path, Trace trace) {
    return new TracedPath(path, trace);
  }

  /// Kernels, and how many of them a module launched.
  public record Joined(long kernels, long inModules) {
    public double share() {
      return kernels == 0 ? 0 : (double) inModules / kernels;
    }
  }

  public InferencePath path() {
    return path;
  }

  public ModuleLists lists() {
    return lists;
  }

  public Trust trust() {
    return trace.trust();
  }

  /// The steps of the trace.
  public List<Steps.Row> steps() {
    return steps.rows();
  }

  public KernelTable kernels() {
    return KernelTable.of(trace);
  }

  public Joined joined() {
    long kernels = 0;
    long inModules = 0;
    for (int i = 0; i < work.size(); i++) {
      if (events.category(work.row(i)) == Category.KERNEL) {
        kernels++;
        inModules += links.module(work.row(i)) >= 0 ? 1 : 0;
      }
    }
    return new Joined(kernels, inModules);
  }

  /// The step that stands for those of its phase: the one of median span, of two the shorter.
  public Map<Steps.Phase, Integer> typicalSteps() {
    Map<Steps.Phase, List<Integer>> byPhase = new EnumMap<>(Steps.Phase.class);
    for (int step = 0; step < steps.rows().size(); step++) {
      byPhase.computeIfAbsent(steps.rows().get(step).phase(), _ -> new ArrayList<>()).add(step);
    }
    Map<Steps.Phase, Integer> typical = new EnumMap<>(Steps.Phase.class);
    byPhase.forEach((phase, found) -> {
      found.sort(Comparator.comparingLong(step -> steps.rows().get(step).spanNs()));
      typical.put(phase, found.get((found.size() - 1) / 2));
    });
    return typical;
  }

  /// The step that says what a token costs, or a forward pass where nothing is generated; -1 where
  /// the trace has no steps.
  public int tokenStep() {
    Map<Steps.Phase, Integer> typical = typicalSteps();
    for (Steps.Phase phase : TOKEN_PHASES) {
      Integer step = typical.get(phase);
      if (step != null) {
        return step;
      }
    }
    return typical.values().stream().findFirst().orElse(-1);
  }

  /// The name of a step's mark.
  public String name(int step) {
    return events.name(steps.mark(step));
  }

  /// Whether a step generates one token of every sequence.
  public boolean isPerToken(int step) {
    return steps.rows().get(step).phase() == Steps.Phase.DECODE;
  }

  /// Which steps there are: `1 prefill and 7 decode steps`.
  public String stepsInWords() {
    Map<Steps.Phase, Long> counts = new EnumMap<>(Steps.Phase.class);
    steps.rows().forEach(step -> counts.merge(step.phase(), 1L, Long::sum));
    List<String> parts = new ArrayList<>();
    boolean named = counts.keySet().stream().anyMatch(phase -> phase != Steps.Phase.UNKNOWN);
    counts.forEach((phase, count) ->
        parts.add(count + " " + (named && phase.text().isEmpty() ? "other" : phase.text())));
    return parts.isEmpty()
        ? "no step"
        : String.join(" and ", parts).strip() + (steps.rows().size() == 1 ? " step" : " steps");
  }

  /// What a step stands for: `One token (the median of 7 decode steps)`.
  public String stepInWords(int step) {
    Steps.Phase phase = steps.rows().get(step).phase();
    long alike = steps.rows().stream().filter(row -> row.phase() == phase).count();
    String what =
        switch (phase) {
          case DECODE -> "One token";
          case FORWARD -> "One forward pass";
          case PREFILL -> "The prefill";
          default -> "One step";
        };
    String median = " (the median of " + alike + " " + phase.text();
    return alike == 1 ? what : median.isBlank() ? what : what + median.stripTrailing() + " steps)";
  }

  /// The operators of a step in order.
  public StepOperators operators(int step, PathFilter filter) {
    return operators(step, filter, new CallTree.Builder(path, lists));
  }

  private StepOperators operators(int step, PathFilter filter, CallTree.Builder builder) {
    Map<String, String> signatures =
        pathSteps[step] < 0 ? Map.of() : builder.signatures(pathSteps[step]);
    UnaryOperator<String> signature = layer -> signatures.getOrDefault(layer, "");
    return StepOperators.of(trace, links, work, steps, step, modules, lists, signature, filter);
  }

  /// The module calls of a step; empty where they were not recorded.
  public CallTree tree(int step, PathFilter filter) {
    if (pathSteps[step] < 0) {
      return new CallTree(List.of());
    }
    CallTree.Builder builder = new CallTree.Builder(path, lists);
    Map<String, Integer> kinds = operators(step, PathFilter.ALL, builder).layers();
    return builder.tree(pathSteps[step], kinds, costs(step), filter);
  }

  /// Per step of the trace that of the path, -1 for none: by name, of the same names by order.
  private int[] pathSteps() {
    Map<String, Deque<Integer>> named = new HashMap<>();
    for (int step = 0; step < path.steps().size(); step++) {
      named.computeIfAbsent(path.steps().get(step).name(), _ -> new ArrayDeque<>()).add(step);
    }
    int[] found = new int[steps.rows().size()];
    for (int step = 0; step < found.length; step++) {
      Deque<Integer> left = named.get(name(step));
      found[step] = left == null || left.isEmpty() ? -1 : left.removeFirst();
    }
    return found;
  }

  /// What each call of a step cost, by its index among the calls of the path.
  private Map<Integer, CallCost> costs(int step) {
    Map<String, List<Integer>> rows = new HashMap<>();
    ThreadRows all = links.threadRows();
    for (int thread = 0; thread < all.threadCount(); thread++) {
      for (int i = all.from(thread); i < all.to(thread); i++) {
        int row = all.row(i);
        if (events.isModule(row) && steps.step(row) == step) {
          rows.computeIfAbsent(ModulePaths.label(events.name(row)), _ -> new ArrayList<>())
              .add(row);
        }
      }
    }
    Map<String, List<Integer>> calls = new HashMap<>();
    for (int i = 0; i < path.calls().size(); i++) {
      Call call = path.calls().get(i);
      if (call.step() == pathSteps[step]) {
        calls.computeIfAbsent(call.label(), _ -> new ArrayList<>()).add(i);
      }
    }
    Map<Integer, CallCost> found = new HashMap<>();
    calls.forEach((label, indices) -> {
      List<Integer> marks = rows.getOrDefault(label, List.of());
      if (marks.size() == indices.size()) {
        for (int i = 0; i < marks.size(); i++) {
          found.put(indices.get(i), costs.of(marks.get(i)));
        }
      }
    });
    return found;
  }
}
