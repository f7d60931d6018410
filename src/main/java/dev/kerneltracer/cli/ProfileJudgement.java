package dev.kerneltracer.cli;

import dev.kerneltracer.load.LoadMetrics;
import dev.kerneltracer.serve.ProfileRun;
import dev.kerneltracer.serve.WindowAnalysis;
import dev.kerneltracer.serve.WindowResult;
import java.util.List;
import java.util.Map;

/// What a run of `profile` is worth: what makes it a failure, and what the user should know.
///
/// @param ours whether the server was our own
/// @param analyses by the name of their window
record ProfileJudgement(
    boolean ours,
    ProfileOptions profile,
    LoadMetrics metrics,
    ProfileRun.Result result,
    Map<String, WindowAnalysis> analyses) {

  void tell(List<String> notes, List<String> failures) {
    if (result.died() != null) {
      failures.add("the server died: " + result.died());
    }
    if (metrics.whole().completed() == 0) {
      failures.add("no request completed");
    }
    if (result.states().isEmpty()) {
      notes.add("the server shows no metrics of vLLM's, so slow seconds stay unexplained");
    }
    if (result.interrupted()) {
      return;
    }
    for (WindowResult window : result.windows()) {
      judge(window, notes, failures);
    }
  }

  private void judge(WindowResult window, List<String> notes, List<String> failures) {
    String name = "window '" + window.window().name() + "'";
    switch (window.outcome()) {
      case RECORDED -> recorded(name, window, notes, failures);
      case NO_PROFILER -> {
        String advice =
            "a server records only where it was started with a profiler: --profiler-config"
                + " '{\"profiler\": \"torch\", \"torch_profiler_dir\": \"/DIR\"}', in vLLM 0.11 and 0.12"
                + " the variable VLLM_TORCH_PROFILER_DIR=/DIR; or let profile start it (--model)";
        if (ours || profile.namesWindows()) {
          failures.add(name + " recorded nothing: " + advice);
        } else if (!notes.contains("no window: " + advice)) {
          notes.add("no window: " + advice);
        }
      }
      case NOT_STARTED, NOT_REACHED, NOT_STOPPED, ENGINE_DIED ->
          failures.add(name + ": " + window.problem());
    }
  }

  private void recorded(
      String name, WindowResult window, List<String> notes, List<String> failures) {
    WindowAnalysis analysis = analyses.get(window.window().name());
    if (analysis == null) {
      if (!ours && profile.traceDirectory() == null) {
        notes.add(
            name
                + " was recorded on the server's disk, in its torch_profiler_dir: with that directory"
                + " mounted here add --trace-dir DIR, or copy its traces and read them by kerneltracer"
                + " analyze");
      }
      return;
    }
    if (analysis.traces() == 0) {
      failures.add(name + ": " + String.join("; ", analysis.problems()));
    } else if (analysis.steps() == 0) {
      failures.add(
          name
              + " holds no step of a worker: "
              + (window.steps() == 0
                  ? "the engine ran none meanwhile; give it more load, or a longer window"
                  : "its traces are those of a front end alone, or of a vLLM that marks no steps"));
    }
    analysis.problems().forEach(notes::add);
  }
}
