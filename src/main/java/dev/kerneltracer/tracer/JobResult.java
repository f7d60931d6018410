package dev.kerneltracer.tracer;

import dev.kerneltracer.UserException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What came of a job.
///
/// @param skipped an earlier success of equal identity stands; nothing ran
/// @param directory where its files are
/// @param model what the probe said of the built model (`model_class, parameters, dtype, device,
///   attention`); empty where it did not come so far
/// @param findings what the tracer found; null where it failed
/// @param fatal the command line or the environment is at fault, so that no further job of the
///   command can go better; else null
public record JobResult(
    JobStatus status,
    boolean skipped,
    Path directory,
    Map<String, JsonNode> model,
    @Nullable Findings findings,
    @Nullable UserException fatal) {
  /// The same without what is found in its files, which may be large.
  public JobResult withoutFindings() {
    return new JobResult(status, skipped, directory, model, null, fatal);
  }
}
