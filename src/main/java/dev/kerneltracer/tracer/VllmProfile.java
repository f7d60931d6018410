package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Path;
import java.util.List;

/// The result files of `vllm_profiler`. Workers of tensor parallel ranks write a trace each: rank
/// 0's files lie in the job's directory, those of the others in `ranks/1`, `ranks/2` ….
final class VllmProfile implements Results {
  @Override
  public Findings make(Path directory) {
    List<Path> traces = TraceFiles.ofRanks(directory);
    ProfileFiles.Profile first = ProfileFiles.write(traces.getFirst(), directory, "vllm");
    requireWhole(first, traces.getFirst());
    for (int rank = 1; rank < traces.size(); rank++) {
      Path own = TraceFiles.rankDirectory(directory, rank);
      requireWhole(ProfileFiles.write(traces.get(rank), own, "vllm"), traces.get(rank));
    }
    return first;
  }

  @Override
  public Findings read(Path directory) {
    return ProfileFiles.read(TraceFiles.ofRanks(directory).getFirst());
  }

  private static void requireWhole(ProfileFiles.Profile profile, Path trace) {
    if (!profile.trust().complete()) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "vLLM wrote a damaged trace, " + trace.getFileName() + "; is the disk full?",
          null);
    }
  }
}
