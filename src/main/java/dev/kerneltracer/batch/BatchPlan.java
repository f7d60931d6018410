package dev.kerneltracer.batch;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.tracer.JobStatus;
import dev.kerneltracer.tracer.Layout;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// Every job of a command, in the order in which they are begun, and what is to be done for each.
public record BatchPlan(List<PlannedJob> jobs) {
  public BatchPlan {
    jobs = List.copyOf(jobs);
  }

  /// What a plan is made of.
  ///
  /// @param models what the user named; a [ModelReference.Hub] whose directory does not exist is to
  ///   be downloaded
  /// @param named whether the user named the tracers: then one that does not record a mode is worth
  ///   a word
  /// @param settings for a model
  /// @param skipDone leave out what has succeeded with the same model, settings and versions
  /// @param environment of the jobs to come
  public record Request(
      List<ModelReference> models,
      List<Tracer> tracers,
      List<Mode> modes,
      boolean named,
      Function<ModelReference, TraceSettings> settings,
      Path outputDirectory,
      Layout layout,
      Map<String, String> versions,
      boolean skipDone,
      Map<String, String> environment) {}

  /// Looks at what is there and starts nothing.
  ///
  /// @throws UserException where two models would write to one directory
  public static BatchPlan of(Request request) {
    List<PlannedJob> jobs = new ArrayList<>();
    Map<Path, ModelReference> owners = new HashMap<>();
    for (ModelReference model : request.models()) {
      TraceSettings settings = request.settings().apply(model);
      boolean here = isHere(model, settings);
      for (Mode mode : request.modes()) {
        for (Tracer tracer : request.tracers()) {
          if (!request.named() && !tracer.modes().contains(mode)) {
            continue;
          }
          TraceJob job =
              new TraceJob(
                  model,
                  tracer,
                  mode,
                  settings,
                  request.outputDirectory(),
                  request.layout(),
                  request.versions());
          ModelReference other = owners.putIfAbsent(job.directory(), model);
          if (other != null) {
            throw new UserException(
                ExitCode.USAGE,
                other.label() + " and " + model.label() + " would write to " + job.directory(),
                request.layout() == Layout.FLAT
                    ? "--layout flat is for one model and one mode."
                    : "Trace one of them into another --output-dir.");
          }
          jobs.add(planned(job, here, request));
        }
      }
    }
    return new BatchPlan(jobs);
  }

  private static PlannedJob planned(TraceJob job, boolean here, Request request) {
    String inapplicable = job.inapplicable(request.environment());
    if (inapplicable != null) {
      return new PlannedJob(job, PlannedJob.State.SKIPPED, inapplicable, null);
    }
    JobStatus earlier = request.skipDone() ? JobStatus.readSuccess(job.directory()) : null;
    if (earlier != null) {
      // A model that was evicted after its jobs: they are done with the revision that they ran on.
      TraceJob then = here ? job : job.withModel(ranOn(job));
      if (earlier.identity().equals(then.identity())) {
        return new PlannedJob(then, PlannedJob.State.DONE, "", earlier);
      }
    }
    return new PlannedJob(job, here ? PlannedJob.State.RUN : PlannedJob.State.DOWNLOAD, "", null);
  }

  /// Whether a model can be run as it lies here.
  private static boolean isHere(ModelReference model, TraceSettings settings) {
    return !(model instanceof ModelReference.Hub hub)
        || (Files.exists(hub.directory().resolve("config.json"))
            && (settings.weights() == TraceSettings.Weights.RANDOM
                || ModelFiles.missingWeights(hub.directory()).isEmpty()));
  }

  /// The snapshot that the files in the job's directory were made from.
  private static ModelReference ranOn(TraceJob job) {
    Path snapshot = job.recordedModelPath();
    return snapshot == null ? job.model() : new ModelReference.Hub(job.model().label(), snapshot);
  }

  public long count(PlannedJob.State state) {
    return jobs.stream().filter(job -> job.state() == state).count();
  }

  /// The jobs that something is to be done for.
  public List<PlannedJob> open() {
    return jobs.stream().filter(PlannedJob::isOpen).toList();
  }

  public long models() {
    return jobs.stream().map(PlannedJob::model).distinct().count();
  }
}
