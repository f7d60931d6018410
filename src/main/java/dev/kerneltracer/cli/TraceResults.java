package dev.kerneltracer.cli;

import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.DispatchCounts;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.PathFindings;
import dev.kerneltracer.tracer.ProfileFiles;
import dev.kerneltracer.tracer.TraceSettings;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All that a `trace` command has to show.
///
/// @param seconds what the whole command took
/// @param top rows of each table
/// @param pathFilter what is shown of an inference path
record TraceResults(
    ModelReference model,
    TraceSettings settings,
    List<JobResult> jobs,
    double seconds,
    int top,
    PathFilter pathFilter) {

  /// The modes of its jobs, in their order.
  List<String> modes() {
    return jobs.stream().map(job -> job.status().mode()).distinct().toList();
  }

  /// The jobs of one mode alone.
  TraceResults of(String mode) {
    List<JobResult> some = jobs.stream().filter(job -> job.status().mode().equals(mode)).toList();
    return new TraceResults(model, settings, some, seconds, top, pathFilter);
  }

  /// What torch_profiler's trace holds; null where it did not run or failed.
  ProfileFiles.@Nullable Profile profile() {
    for (JobResult job : jobs) {
      if (job.findings() instanceof ProfileFiles.Profile profile) {
        return profile;
      }
    }
    return null;
  }

  /// What torch_dispatch counted; null where it did not run or failed.
  @Nullable DispatchCounts dispatched() {
    for (JobResult job : jobs) {
      if (job.findings() instanceof DispatchCounts counts) {
        return counts;
      }
    }
    return null;
  }

  /// What module_path recorded; null where it did not run or failed.
  @Nullable PathFindings path() {
    for (JobResult job : jobs) {
      if (job.findings() instanceof PathFindings path) {
        return path;
      }
    }
    return null;
  }

  /// The rows that are shown.
  <T> List<T> first(List<T> rows) {
    return rows.subList(0, Math.min(top, rows.size()));
  }
}
