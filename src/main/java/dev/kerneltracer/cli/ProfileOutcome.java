package dev.kerneltracer.cli;

import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.serve.SlowSeconds;
import dev.kerneltracer.serve.VllmServer;
import dev.kerneltracer.serve.WindowAnalysis;
import dev.kerneltracer.serve.WindowResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a run of `profile` found.
///
/// @param model the name by which requests called it
/// @param url where the server was
/// @param facts of a server of our own; null for another's
/// @param safe whether the old advice was followed
/// @param loadText the table of latencies, for a terminal
/// @param metrics what metrics.json holds
/// @param windows in the order in which they were taken
/// @param analyses by the name of their window
/// @param slow the slowest seconds
/// @param notes what the user should know, one line each
/// @param failure why the run counts as failed; null where it does not
/// @param interrupted whether it was ended before its time
/// @param directory where the files are
record ProfileOutcome(
    String model,
    String url,
    VllmServer.@Nullable Facts facts,
    boolean safe,
    String loadText,
    JsonFile.Content metrics,
    List<WindowResult> windows,
    Map<String, WindowAnalysis> analyses,
    List<SlowSeconds.Row> slow,
    List<String> notes,
    @Nullable String failure,
    boolean interrupted,
    Path directory) {
  ProfileOutcome {
    windows = List.copyOf(windows);
    slow = List.copyOf(slow);
    notes = List.copyOf(notes);
  }
}
