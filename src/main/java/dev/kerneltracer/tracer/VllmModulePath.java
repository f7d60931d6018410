package dev.kerneltracer.tracer;

import java.nio.file.Path;
import java.util.List;

/// What `module_path` leaves of vLLM's workers: the files of rank 0 in the job's directory, those
/// of other ranks in `ranks/1` …; all traces lie in `trace`.
final class VllmModulePath implements Results {
  @Override
  public Findings make(Path directory) {
    List<Path> traces = TraceFiles.ofRanks(directory);
    for (int rank = 1; rank < traces.size(); rank++) {
      PathFindings.make(directory.resolve("ranks").resolve("" + rank), traces.get(rank));
    }
    return PathFindings.make(directory, traces.getFirst());
  }

  @Override
  public Findings read(Path directory) {
    return PathFindings.read(directory, TraceFiles.ofRanks(directory).getFirst());
  }
}
