package dev.kerneltracer.analysis;

import dev.kerneltracer.analysis.InferencePath.Call;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The module calls of one step as a tree in which alike neighbours stand once: the numbered
/// modules of one list (layers, experts), and a module that is called several times in a row.
///
/// Alike are modules of the same class, kind and tensor shapes in which the same modules are called
/// and the same operators run. Experts and whatever else is numbered within a layer are called as
/// the tokens fall: there neither the number of calls nor shapes count.
public record CallTree(List<Node> roots) {
  /// A tensor as `path.json` has it.
  private static final Pattern TENSOR =
      Pattern.compile("[a-z]+[0-9]+(?:_[a-z0-9]+)?\\[[0-9, ]*\\]");

  public CallTree {
    roots = List.copyOf(roots);
  }

  /// Alike calls.
  ///
  /// @param name the path from the module around on, such as `layers.0-23`; the model's is its
  ///   class
  /// @param module with `*` for the numbers of alike modules
  /// @param kind such as `sliding_attention`; empty for most
  /// @param inputs tensors of the first of the calls, such as `f32[1, 16, 64]`
  /// @param shapesVary whether other calls have others
  /// @param parameters of one of the modules
  /// @param modules how many
  /// @param calls of all of them, in this step
  /// @param cost none where the trace does not have these calls
  /// @param raised the exception that ended the first call, null for none
  public record Node(
      String name,
      String module,
      String moduleClass,
      String kind,
      List<String> inputs,
      List<String> outputs,
      boolean shapesVary,
      long parameters,
      int modules,
      int calls,
      @Nullable CallCost cost,
      @Nullable String raised,
      List<Node> children) {
    public Node {
      inputs = List.copyOf(inputs);
      outputs = List.copyOf(outputs);
      children = List.copyOf(children);
    }

    /// How often it is to be read: as many modules, or calls of the one.
    public int times() {
      return modules > 1 ? modules : calls;
    }
  }

  private static final class Made {
    final int index;
    final Call call;
    final @Nullable Made parent;
    final List<Made> children = new ArrayList<>();

    Made(int index, Call call, @Nullable Made parent) {
      this.index = index;
      this.call = call;
      this.parent = parent;
    }

    /// The path from the module around on.
    String name() {
      if (call.module().isEmpty()) {
        return call.moduleClass();
      }
      String around = parent == null ? "" : parent.call.module();
      return !around.isEmpty() && call.module().startsWith(around + ".")
          ? call.module().substring(around.length() + 1)
          : call.module();
    }
  }

  /// Makes trees of the steps of a path.
  public static final class Builder {
    private final InferencePath path;
    private final ModuleLists lists;
    private final Map<String, String> kinds = new HashMap<>();
    private Map<String, Integer> layerKinds = Map.of();
    private final Map<Made, String> signatures = new HashMap<>();
    private final Map<Made, String> loose = new HashMap<>();
    private final Map<String, String> shortened = new HashMap<>();

    public Builder(InferencePath path, ModuleLists lists) {
      this.path = path;
      this.lists = lists;
      for (InferencePath.Part part : path.parts()) {
        kinds.put(part.module(), part.kind());
      }
    }

    /// What tells each called module from others in a step, before its operators are known.
    public Map<String, String> signatures(int step) {
      layerKinds = Map.of();
      signatures.clear();
      loose.clear();
      Map<String, String> found = new HashMap<>();
      collect(made(step, PathFilter.ALL), found);
      return found;
    }

    private void collect(List<Made> calls, Map<String, String> found) {
      for (Made call : calls) {
        found.merge(call.call.label(), signature(call, true), (one, other) -> one + "\n" + other);
        collect(call.children, found);
      }
    }

    /// The tree of a step.
    ///
    /// @param operators the kinds of its layers by their operators, as [StepOperators#layers] has
    ///   them
    /// @param costs of each call of the step, by the call's index; missing where not known
    public CallTree tree(
        int step, Map<String, Integer> operators, Map<Integer, CallCost> costs, PathFilter filter) {
      layerKinds = operators;
      signatures.clear();
      loose.clear();
      return new CallTree(folded(List.of(made(step, filter)), costs, true));
    }

    private List<Made> made(int step, PathFilter filter) {
      Map<Integer, Made> byIndex = new HashMap<>();
      List<Made> roots = new ArrayList<>();
      for (int i = 0; i < path.calls().size(); i++) {
        Call call = path.calls().get(i);
        if (call.step() == step) {
          Made parent = byIndex.get(call.parent());
          Made made = new Made(i, call, parent);
          byIndex.put(i, made);
          (parent == null ? roots : parent.children).add(made);
        }
      }
      if (!filter.isEmpty()) {
        roots.removeIf(root -> !keep(root, filter, false));
      }
      return roots;
    }

    /// Leaves out what is not wanted below a call, and says whether the call is.
    private boolean keep(Made made, PathFilter filter, boolean inside) {
      if (!filter.hasLayer(lists.layer(made.call.module()))) {
        return false;
      }
      boolean wanted = inside || filter.hasModule(made.call.module(), made.call.moduleClass());
      made.children.removeIf(child -> !keep(child, filter, wanted));
      return wanted || !made.children.isEmpty();
    }

    /// Neighbours that may be alike: the calls of one module in a row, or of what one list holds.
    private record Run(String key, boolean numbered, List<Made> calls) {}

    private List<Run> runs(List<Made> siblings, boolean shapes) {
      List<Run> runs = new ArrayList<>();
      String lastSignature = "";
      for (Made made : siblings) {
        String module = made.call.module();
        int dot = module.lastIndexOf('.');
        boolean numbered = dot > 0 && ModuleLists.isNumber(module.substring(dot + 1));
        String list = numbered ? module.substring(0, dot) : module;
        boolean joins = !runs.isEmpty() && runs.getLast().key.equals(list);
        if (joins && numbered && lists.isSequential(list)) {
          joins = signature(made, shapes).equals(lastSignature);
        }
        if (!joins) {
          runs.add(new Run(list, numbered, new ArrayList<>()));
        }
        runs.getLast().calls.add(made);
        lastSignature = signature(made, shapes);
      }
      return runs;
    }

    /// @param shapes whether they count: not within what is numbered within a layer
    private String signature(Made made, boolean shapes) {
      Map<Made, String> known = shapes ? signatures : loose;
      String signature = known.get(made);
      if (signature == null) {
        signature =
            shortened.computeIfAbsent(newSignature(made, shapes), _ -> "#" + shortened.size());
        known.put(made, signature);
      }
      return signature;
    }

    private String newSignature(Made made, boolean shapes) {
      Call call = made.call;
      StringBuilder text = new StringBuilder(call.moduleClass());
      text.append('|').append(kinds.getOrDefault(call.module(), ""));
      text.append('|').append(layerKinds.getOrDefault(call.module(), -1));
      if (shapes) {
        text.append('|').append(tensors(call.inputs())).append(tensors(call.outputs()));
      }
      boolean inLayer = !lists.layer(call.module()).isEmpty();
      for (Run run : runs(made.children, shapes)) {
        boolean loosely = run.numbered && inLayer;
        text.append('{').append(run.numbered ? "*" : name(run.calls.getFirst()));
        if (!loosely) {
          text.append(run.calls.size());
        }
        Set<String> different = new LinkedHashSet<>();
        run.calls.forEach(child -> different.add(signature(child, shapes && !loosely)));
        text.append(different).append('}');
      }
      return text.toString();
    }

    private static String name(Made made) {
      String module = made.call.module();
      return module.substring(module.lastIndexOf('.') + 1);
    }

    private static List<String> tensors(List<String> values) {
      List<String> tensors = new ArrayList<>();
      for (String value : values) {
        Matcher matcher = TENSOR.matcher(value);
        while (matcher.find()) {
          tensors.add(matcher.group());
        }
      }
      return tensors;
    }

    /// Folds what is called in each of several alike modules, all together.
    private List<Node> folded(
        List<List<Made>> callers, Map<Integer, CallCost> costs, boolean shapes) {
      Map<List<Object>, List<Made>> together = new LinkedHashMap<>();
      Map<List<Object>, Run> first = new HashMap<>();
      for (List<Made> siblings : callers) {
        Map<String, Integer> met = new HashMap<>();
        for (Run run : runs(siblings, shapes)) {
          String name = run.numbered ? lastNameOf(run) : run.calls.getFirst().name();
          List<Object> key = List.of(run.numbered, name, met.merge(name, 1, Integer::sum));
          together.computeIfAbsent(key, _ -> new ArrayList<>()).addAll(run.calls);
          first.putIfAbsent(key, run);
        }
      }
      List<Node> nodes = new ArrayList<>();
      together.forEach((key, calls) -> {
        Run run = first.get(key);
        boolean loosely = run != null && run.numbered && isInLayer(calls.getFirst());
        Map<String, List<Made>> alike = new LinkedHashMap<>();
        for (Made made : calls) {
          alike
              .computeIfAbsent(signature(made, shapes && !loosely), _ -> new ArrayList<>())
              .add(made);
        }
        alike.values().forEach(group -> nodes.add(node(group, costs, shapes && !loosely)));
      });
      return nodes;
    }

    private static String lastNameOf(Run run) {
      String name = run.calls.getFirst().name();
      int dot = name.lastIndexOf('.');
      return dot < 0 ? "" : name.substring(0, dot);
    }

    private boolean isInLayer(Made made) {
      return made.parent != null && !lists.layer(made.parent.call.module()).isEmpty();
    }

    private Node node(List<Made> group, Map<Integer, CallCost> costs, boolean shapes) {
      Made first = group.getFirst();
      Set<String> modules = new LinkedHashSet<>();
      CallCost cost = CallCost.NONE;
      boolean known = true;
      boolean vary = false;
      List<String> inputs = tensors(first.call.inputs());
      List<String> outputs = tensors(first.call.outputs());
      for (Made made : group) {
        modules.add(made.call.module());
        CallCost one = costs.get(made.index);
        known &= one != null;
        cost = one == null ? cost : cost.plus(one);
        vary |=
            !tensors(made.call.inputs()).equals(inputs)
                || !tensors(made.call.outputs()).equals(outputs);
      }
      return new Node(
          nameOf(group),
          lists.generalised(first.call.module()),
          first.call.moduleClass(),
          kinds.getOrDefault(first.call.module(), ""),
          inputs,
          outputs,
          vary,
          first.call.parameters(),
          modules.size(),
          group.size(),
          known ? cost : null,
          first.call.raised(),
          folded(group.stream().map(made -> made.children).toList(), costs, shapes));
    }

    /// `layers.0-23` of several.
    private static String nameOf(List<Made> group) {
      Set<String> names = new LinkedHashSet<>();
      group.forEach(made -> names.add(made.name()));
      String first = group.getFirst().name();
      int dot = first.lastIndexOf('.');
      if (names.size() == 1 || (dot < 0 && !ModuleLists.isNumber(first))) {
        return first;
      }
      TreeSet<Integer> numbers = new TreeSet<>();
      for (String name : names) {
        String number = name.substring(name.lastIndexOf('.') + 1);
        if (ModuleLists.isNumber(number)) {
          numbers.add(Integer.parseInt(number));
        }
      }
      return first.substring(0, dot + 1) + NumberRanges.of(numbers);
    }
  }
}
