package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.batch.BatchPlan;
import dev.kerneltracer.batch.BatchRunner;
import dev.kerneltracer.batch.HubSource;
import dev.kerneltracer.batch.PlannedJob;
import dev.kerneltracer.batch.Slot;
import dev.kerneltracer.model.FileSelection;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.HubDownload;
import dev.kerneltracer.model.HubSettings;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.Findings;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobRunner;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.RunSummary;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `trace`: runs tracers over models, each in a process of its own.
@Command(
    name = "trace",
    description = "Run tracers over models, each in a process of its own.",
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer trace --model type:qwen3 --tiny",
      "  kerneltracer trace --model type:llama --set num_hidden_layers=2 --batch 4",
      "  kerneltracer trace --model org/name --device cuda --prompt \"Hello\" --new-tokens 32",
      "  kerneltracer trace --framework vllm --model type:qwen3 --tiny --enforce-eager",
      "  kerneltracer trace --model-path ./my-model --tracers torch_dispatch --format json",
      "  kerneltracer trace --model type:llama --tiny --mode train --tracers 'print_*'",
      "  kerneltracer trace --model type:gemma3_text --tiny --tracers module_path --layers 0",
      "  kerneltracer trace --model-list models.txt --skip-model-list skip.txt --dry-run"
    })
final class TraceCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Mixin private ModelOptions models = new ModelOptions();

  @Mixin private TracerOptions tracers = new TracerOptions();

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      defaultValue = "outputs",
      order = 4,
      description = "Where results go (default: ${DEFAULT-VALUE}).")
  private Path outputDirectory = Path.of("outputs");

  @Option(
      names = "--if-exists",
      paramLabel = "skip|rerun",
      defaultValue = "skip",
      order = 5,
      description =
          "An earlier success with the same model, settings and versions: skip it or run again"
              + " (default: ${DEFAULT-VALUE}).")
  private IfExists ifExists = IfExists.SKIP;

  @Option(
      names = {"-f", "--force"},
      order = 6,
      description = "The same as --if-exists rerun.")
  private boolean force;

  @Mixin private TraceOptions options = new TraceOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

  @Mixin private BatchOptions batch = new BatchOptions();

  @Mixin private ConfigOptions config = new ConfigOptions();

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      order = 40,
      description = "The Python that has torch (default: see kerneltracer env doctor).")
  private @Nullable String python;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "15",
      order = 41,
      description = "Rows of each table (default: ${DEFAULT-VALUE}).")
  private int top;

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      order = 42,
      description = "How results are printed (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      order = 43,
      description = "No progress on standard error.")
  private boolean quiet;

  /// What to do with an earlier success.
  enum IfExists {
    SKIP,
    RERUN;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  ConfigOptions config() {
    return config;
  }

  @Override
  public Integer call() throws IOException {
    if (config.onlyPrints()) {
      System.out.print(config.text(spec, format));
      return ExitCode.OK.code();
    }
    batch.check();
    if (top < 1) {
      throw new UserException(ExitCode.USAGE, "--top must be at least 1", null);
    }
    if (tracers.onlyTells()) {
      System.out.print(tracers.tell(format, Terminal.stdout()));
      return ExitCode.OK.code();
    }
    Framework framework = tracers.framework();
    List<Tracer> chosen = tracers.chosen();
    Map<String, String> environment = System.getenv();
    HubSettings hub = HubSettings.of(environment);
    boolean offline = hub.offline() || !batch.download();
    List<ModelReference> references = models.resolve(offline, environment);
    PathFilter pathFilter = options.pathFilter();
    EngineSettings engineSettings = engine.settings(framework);
    Map<Boolean, TraceSettings> settings = new HashMap<>();
    for (ModelReference reference : references) {
      settings.computeIfAbsent(
          isType(reference), ofType -> options.settings(ofType, engineSettings));
    }
    long startedNs = System.nanoTime();
    Interpreter interpreter = interpreter(framework, references);
    BatchPlan plan =
        BatchPlan.of(
            new BatchPlan.Request(
                references,
                chosen,
                List.copyOf(tracers.modes()),
                tracers.named(),
                model -> Objects.requireNonNull(settings.get(isType(model))),
                outputDirectory,
                batch.layout(),
                interpreter.packages(),
                !force && ifExists == IfExists.SKIP,
                environment));
    if (plan.jobs().isEmpty()) {
      throw new UserException(ExitCode.USAGE, "no tracer records that", "See --list-tracers.");
    }
    if (batch.dryRun()) {
      System.out.print(
          format == OutputFormat.JSON
              ? PlanReport.json(plan)
              : PlanReport.text(plan, outputDirectory, Terminal.stdout()));
      return ExitCode.OK.code();
    }
    List<JobResult> results = new ArrayList<>();
    boolean interrupted;
    try (RunSummary summary =
        new RunSummary(
            outputDirectory,
            spec.commandLine().getParseResult().originalArgs(),
            plan.jobs().stream().map(PlannedJob::job).toList())) {
      interrupted = run(plan, interpreter, offline ? hub.withoutNetwork() : hub, summary, results);
    }
    if (interrupted) {
      System.err.println(
          "kerneltracer: interrupted; nothing is left running. The same command goes on.");
      return ExitCode.INTERRUPTED.code();
    }
    double seconds = (System.nanoTime() - startedNs) / 1e9;
    print(references, plan, results, seconds, pathFilter);
    boolean failed = results.stream().anyMatch(result -> result.status().failed());
    return failed ? ExitCode.JOBS_FAILED.code() : ExitCode.OK.code();
  }

  private static boolean isType(ModelReference model) {
    return model instanceof ModelReference.Type;
  }

  private void print(
      List<ModelReference> references,
      BatchPlan plan,
      List<JobResult> results,
      double seconds,
      PathFilter pathFilter) {
    if (references.size() == 1) {
      ModelReference model = plan.jobs().getFirst().job().model();
      TraceSettings settings = plan.jobs().getFirst().job().settings();
      TraceResults shown = new TraceResults(model, settings, results, seconds, top, pathFilter);
      switch (format) {
        case TABLE -> System.out.print(new TraceReport(shown).text(Terminal.stdout()));
        case JSON -> System.out.println(TraceJson.of(shown));
      }
      return;
    }
    BatchReport report = new BatchReport(results, outputDirectory, seconds, top);
    switch (format) {
      case TABLE -> System.out.print(report.text(Terminal.stdout()));
      case JSON -> System.out.println(report.json());
    }
  }

  private Interpreter interpreter(Framework framework, List<ModelReference> references) {
    try (ProgressLine progress = ProgressLine.start(title(references), quiet)) {
      Interpreter found =
          new InterpreterSearch(System.getenv(), python).find(framework, progress::show);
      String untested = framework.untested(found);
      if (untested != null) {
        progress.say("kerneltracer: " + untested);
      }
      return found;
    }
  }

  private static String title(List<ModelReference> references) {
    return references.size() == 1 ? references.getFirst().label() : references.size() + " models";
  }

  /// Runs what is open and adds how every job of the plan ended, in the plan's order.
  ///
  /// @return whether it was interrupted
  private boolean run(
      BatchPlan plan,
      Interpreter interpreter,
      HubSettings hub,
      RunSummary summary,
      List<JobResult> results)
      throws IOException {
    Map<Path, JobResult> ends = new HashMap<>();
    for (PlannedJob planned : plan.jobs()) {
      if (!planned.isOpen()) {
        JobResult known = known(planned, plan.models() == 1);
        ends.put(planned.job().directory(), known);
        summary.add(known);
      }
    }
    List<PlannedJob> open = plan.open();
    boolean interrupted = false;
    if (!open.isEmpty()) {
      TraceSettings settings = open.getFirst().job().settings();
      Integer tensorParallel = settings.engine().tensorParallelSize();
      List<Slot> slots =
          batch.slots(
              settings.device(),
              tensorParallel == null ? 1 : tensorParallel,
              plan.models(),
              open.size(),
              System.getenv());
      Path probe = ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path());
      Framework framework = tracers.framework();
      HubCache cache = HubCache.of(System.getenv());
      boolean weights =
          open.stream()
              .anyMatch(job -> job.job().settings().weights() == TraceSettings.Weights.REAL);
      try (HubDownload download = new HubDownload(hub, cache, batch.downloadWorkers());
          BatchView view =
              BatchView.start(plan, () -> DownloadText.text(download.progress()), quiet);
          JobRunner jobs =
              new JobRunner(
                  interpreter,
                  probe,
                  batch.timeout(framework),
                  batch.warm(open.size(), framework),
                  view::say)) {
        HubSource source =
            new HubSource(
                download,
                cache,
                weights ? FileSelection.all() : FileSelection.withoutWeights(),
                batch.downloadTimeout(),
                batch.retries(),
                batch.evictAfter());
        BatchRunner runner =
            new BatchRunner(
                jobs,
                source,
                new BatchRunner.Settings(
                    slots,
                    batch.ahead(),
                    Math.min(2, batch.ahead()),
                    !force && ifExists == IfExists.SKIP,
                    batch.retries()),
                view.alsoTelling(summary),
                plan);
        for (JobResult result : runner.run()) {
          ends.put(result.directory(), result);
        }
        interrupted = Thread.interrupted();
      }
    }
    for (PlannedJob planned : plan.jobs()) {
      JobResult end = ends.get(planned.job().directory());
      if (end != null) {
        results.add(end);
      }
    }
    return interrupted;
  }

  private static JobResult known(PlannedJob planned, boolean single) {
    TraceJob job = planned.job();
    if (planned.earlier() == null) {
      return JobRunner.notRun(job, Outcome.SKIPPED, planned.reason());
    }
    Findings findings = single ? job.tracer().results().read(job.directory()) : null;
    return new JobResult(planned.earlier(), true, job.directory(), Map.of(), findings, null);
  }
}
