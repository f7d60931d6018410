package dev.kerneltracer.report;

import dev.kerneltracer.analysis.CallCost;
import dev.kerneltracer.analysis.CallTree;
import dev.kerneltracer.report.TerminalTable.Column;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// A tree of module calls as an indented table: the module, its class, the shapes of its first
/// tensor in and out, and what it costs with all that it calls; alike modules together.
public final class PathTree {
  private final CallTree tree;
  private final boolean device;
  private final long totalNs;
  private final String dtype;
  private final boolean kindsDiffer;

  /// @param dtype which goes without saying, such as `bf16`
  /// @param device whether there is device time, of which the shares are then
  public PathTree(CallTree tree, String dtype, boolean device) {
    this.tree = tree;
    this.dtype = dtype;
    this.device = device;
    long total = 0;
    for (CallTree.Node root : tree.roots()) {
      total += cost(root);
    }
    this.totalNs = total;
    Set<String> kinds = new HashSet<>();
    kinds(tree.roots(), kinds);
    this.kindsDiffer = kinds.size() > 1;
  }

  /// The dtype of most calls of a tree; empty where there is none.
  public static String dtype(CallTree tree) {
    Map<String, Integer> counts = new TreeMap<>();
    count(tree.roots(), counts);
    return counts.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse("");
  }

  private static void count(List<CallTree.Node> nodes, Map<String, Integer> counts) {
    for (CallTree.Node node : nodes) {
      if (!node.outputs().isEmpty()) {
        counts.merge(dtype(node.outputs().getFirst()), node.calls(), Integer::sum);
      }
      count(node.children(), counts);
    }
  }

  private long cost(CallTree.Node node) {
    CallCost cost = node.cost();
    return cost == null ? 0 : device ? cost.deviceNs() : cost.cpuNs();
  }

  /// The table.
  ///
  /// @param width columns of the terminal
  public String render(int width) {
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.text("module"),
                Column.text("class"),
                Column.text("shapes" + (dtype.isEmpty() ? "" : ", " + dtype)),
                Column.number("CPU time")));
    if (device) {
      columns.add(Column.number("GPU time"));
    }
    columns.add(Column.number("share"));
    columns.add(Column.number(device ? "kernels" : "operators"));
    TerminalTable table = new TerminalTable(columns.toArray(Column[]::new));
    tree.roots().forEach(root -> row(table, root, 0, 1));
    return table.render(width);
  }

  /// @param around calls of the module around
  private void row(TerminalTable table, CallTree.Node node, int depth, int around) {
    List<String> cells = new ArrayList<>();
    String times = times(node.calls(), around);
    cells.add("  ".repeat(depth) + node.name() + times);
    cells.add(
        node.moduleClass() + (node.kind().isEmpty() || !kindsDiffer ? "" : " " + node.kind()));
    cells.add(node.raised() != null ? "raised " + node.raised() : shapes(node));
    CallCost cost = node.cost();
    if (cost == null) {
      cells.addAll(device ? List.of("", "", "", "") : List.of("", "", ""));
    } else {
      cells.add(Amount.time(cost.cpuNs()));
      if (device) {
        cells.add(cost.deviceNs() == 0 ? "" : Amount.time(cost.deviceNs()));
      }
      cells.add(totalNs == 0 ? "" : Amount.share((double) cost(node) / totalNs));
      cells.add(Amount.count(device ? cost.kernels() : cost.operators()));
    }
    table.row(cells.toArray(String[]::new));
    node.children().forEach(child -> row(table, child, depth + 1, node.calls()));
  }

  /// How often a module is called for each call of the module around it, where that is not once.
  private static String times(int calls, int around) {
    if (calls == around) {
      return "";
    }
    return calls % around == 0
        ? " × " + calls / around
        : " × " + Amount.decimal((double) calls / around, 1);
  }

  private static void kinds(List<CallTree.Node> nodes, Set<String> found) {
    for (CallTree.Node node : nodes) {
      if (!node.kind().isEmpty()) {
        found.add(node.kind());
      }
      kinds(node.children(), found);
    }
  }

  /// `1×16×64 → 1×16×128`, the dtype only where it is another than most have.
  private String shapes(CallTree.Node node) {
    String in = node.inputs().isEmpty() ? "" : shape(node.inputs().getFirst());
    String out = node.outputs().isEmpty() ? "" : shape(node.outputs().getFirst());
    String text = in.equals(out) || in.isEmpty() ? out : in + " → " + out;
    return node.shapesVary() ? text + " …" : text;
  }

  private String shape(String tensor) {
    String own = dtype(tensor);
    String sizes = tensor.substring(own.length() + 1, tensor.length() - 1).replace(", ", "×");
    String text = sizes.isEmpty() ? "scalar" : sizes;
    return own.equals(dtype) ? text : own + " " + text;
  }

  private static String dtype(String tensor) {
    return tensor.substring(0, tensor.indexOf('['));
  }
}
