package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.tracer.DispatchCounts;
import dev.kerneltracer.tracer.Findings;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.PathFindings;
import dev.kerneltracer.tracer.ProfileFiles;
import java.util.List;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `trace --format json` prints: the same as [TraceReport], for machines.
final class TraceJson {
  private static final JsonMapper JSON = new JsonMapper();

  private TraceJson() {}

  static String of(TraceResults results) {
    ObjectNode root = JSON.createObjectNode();
    root.put("model", results.model().label());
    root.put("duration_s", Math.round(results.seconds() * 1000) / 1000.0);
    ArrayNode jobs = root.putArray("jobs");
    for (JobResult result : results.jobs()) {
      ObjectNode job = result.status().toJson();
      job.put("skipped", result.skipped());
      job.put("directory", result.directory().toString());
      if (result.findings() instanceof Findings.Summary summary) {
        ObjectNode found = job.putObject("found");
        new TreeMap<>(summary.numbers()).forEach(found::put);
      }
      jobs.add(job);
    }
    List<String> modes = results.modes();
    for (String mode : modes) {
      // The first mode's tables stand where those of the only one do.
      add(mode.equals(modes.getFirst()) ? root : root.putObject(mode), results.of(mode));
    }
    return root.toPrettyString();
  }

  private static void add(ObjectNode root, TraceResults results) {
    ProfileFiles.Profile profile = results.profile();
    DispatchCounts dispatched = results.dispatched();
    if (profile != null) {
      root.put("kernel_time_ns", profile.kernels().totalNs());
      ArrayNode operators = root.putArray("operators");
      for (OperatorTable.Row row : results.first(profile.operators().byOperator().rows())) {
        operators
            .addObject()
            .put("operator", row.operator())
            .put("calls", row.calls())
            .put("cpu_total_ns", row.cpuTotalNs())
            .put("cpu_self_ns", row.cpuSelfNs())
            .put("device_ns", row.deviceSelfNs())
            .put("kernels", row.kernels());
      }
      ArrayNode kernels = root.putArray("kernels");
      for (KernelTable.Row row : results.first(profile.kernels().rows())) {
        kernels
            .addObject()
            .put("kernel", row.kernel())
            .put("calls", row.calls())
            .put("total_ns", row.totalNs())
            .put("share", row.share());
      }
      ArrayNode steps = root.putArray("steps");
      for (Steps.Row step : profile.steps().rows()) {
        steps
            .addObject()
            .put("phase", step.phase().text())
            .put("span_ns", step.spanNs())
            .put("operator_calls", step.operatorCalls())
            .put("kernels", step.kernels())
            .put("kernel_time_ns", step.kernelTimeNs())
            .put("busy_ns", step.busyNs());
      }
    }
    PathFindings path = results.path();
    if (path != null) {
      root.set("inference_path", PathJson.of(path, results.pathFilter()));
    }
    if (dispatched != null) {
      ArrayNode rows = root.putArray("dispatched");
      for (DispatchCounts.Row row : results.first(dispatched.rows())) {
        rows.addObject().put("operator", row.operator()).put("calls", row.calls());
      }
    }
  }
}
