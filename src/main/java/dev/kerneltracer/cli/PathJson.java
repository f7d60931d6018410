package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.CallCost;
import dev.kerneltracer.analysis.CallTree;
import dev.kerneltracer.analysis.InferencePath;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.analysis.StepOperators;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.TracedPath;
import dev.kerneltracer.report.PathFiles;
import dev.kerneltracer.tracer.PathFindings;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// An inference path in what `trace --format json` prints: the same as [PathReport], and all
/// operators of the token.
final class PathJson {
  private static final int MOST_CALLED = 10;

  private PathJson() {}

  static ObjectNode of(PathFindings findings, PathFilter filter) {
    TracedPath path = findings.path();
    ObjectNode root = new JsonMapper().createObjectNode();
    TracedPath.Joined joined = path.joined();
    root.put("module_calls", path.path().calls().size());
    root.put("kernels", joined.kernels());
    root.put("kernels_joined_to_module", joined.inModules());
    ArrayNode classes = root.putArray("classes");
    for (InferencePath.ClassCalls row : path.path().classes()) {
      classes
          .addObject()
          .put("class", row.moduleClass())
          .put("calls", row.calls())
          .put("instances", row.instances())
          .put("share_of_calls", row.share());
    }
    ArrayNode most = root.putArray("most_called");
    List<InferencePath.ModuleCount> counts = path.path().mostCalled(path.lists());
    for (InferencePath.ModuleCount row : counts.subList(0, Math.min(MOST_CALLED, counts.size()))) {
      most.addObject()
          .put("module", row.module())
          .put("class", row.moduleClass())
          .put("modules", row.modules())
          .put("calls", row.calls());
    }
    int step = path.tokenStep();
    if (step >= 0) {
      token(root.putObject("token"), findings, step, filter);
    }
    return root;
  }

  private static void token(ObjectNode token, PathFindings findings, int step, PathFilter filter) {
    TracedPath path = findings.path();
    Steps.Row row = path.steps().get(step);
    token
        .put("step", path.name(step))
        .put("phase", row.phase().text())
        .put("span_ns", row.spanNs())
        .put("operator_calls", row.operatorCalls())
        .put("kernels", row.kernels())
        .put("kernel_time_ns", row.kernelTimeNs());
    nodes(token.putArray("modules"), path.tree(step, filter).roots());
    ArrayNode operators = token.putArray("operators");
    for (StepOperators.Row each : path.operators(step, filter).rows()) {
      ObjectNode operator =
          operators.addObject().put("operator", each.operator()).put("module", each.module());
      if (each.layers() > 0) {
        operator.put("calls_per_layer", each.callsPerLayer());
      }
      operator
          .put("calls_per_token", each.calls())
          .put("cpu_ns", each.cpuNs())
          .put("device_ns", each.deviceNs());
      ArrayNode kernels = operator.putArray("kernels");
      for (Map.Entry<String, Long> kernel : each.kernels().entrySet()) {
        kernels
            .addObject()
            .put("kernel", kernel.getKey())
            .put("calls", kernel.getValue())
            .put("source", PathFiles.source(kernel.getKey(), findings.names()));
      }
    }
  }

  private static void nodes(ArrayNode array, List<CallTree.Node> nodes) {
    for (CallTree.Node node : nodes) {
      ObjectNode each =
          array
              .addObject()
              .put("name", node.name())
              .put("module", node.module())
              .put("class", node.moduleClass());
      if (!node.kind().isEmpty()) {
        each.put("kind", node.kind());
      }
      ArrayNode inputs = each.putArray("inputs");
      node.inputs().forEach(inputs::add);
      ArrayNode outputs = each.putArray("outputs");
      node.outputs().forEach(outputs::add);
      each.put("parameters", node.parameters())
          .put("modules", node.modules())
          .put("calls", node.calls());
      CallCost cost = node.cost();
      if (cost != null) {
        each.put("cpu_ns", cost.cpuNs())
            .put("device_ns", cost.deviceNs())
            .put("kernels", cost.kernels())
            .put("operators", cost.operators());
      }
      if (node.raised() != null) {
        each.put("raised", node.raised());
      }
      if (!node.children().isEmpty()) {
        nodes(each.putArray("children"), node.children());
      }
    }
  }
}
