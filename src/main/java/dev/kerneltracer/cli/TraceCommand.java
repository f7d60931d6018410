package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.tracer.JobResult;
import dev.kerneltracer.tracer.JobRunner;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.RunSummary;
import dev.kerneltracer.tracer.TraceJob;
import dev.kerneltracer.tracer.TraceSettings;
import dev.kerneltracer.tracer.Tracer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `trace`: runs tracers over a model, each in a process of its own.
@Command(
    name = "trace",
    description = "Run tracers over a model, each in a process of its own.",
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
      "  kerneltracer trace --model type:llama --tiny --mode train --tracers 'print_*'"
    })
final class TraceCommand implements Callable<Integer> {
  private static final long LONGEST_TIMEOUT_SECONDS = 31_536_000;

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @ArgGroup private @Nullable Model model;

  private static final class Model {
    @Option(
        names = "--model",
        paramLabel = "MODEL",
        order = 1,
        description = "org/name in the Hugging Face cache, or type:NAME for a model type.")
    private @Nullable String name;

    @Option(
        names = "--model-path",
        paramLabel = "DIR",
        order = 2,
        description = "A directory with a config.json.")
    private @Nullable Path path;

    ModelReference resolve() {
      return path != null
          ? ModelReference.directory(path)
          : ModelReference.parse(String.valueOf(name), System.getenv());
    }
  }

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

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      order = 7,
      description = "For each tracer's process (default: 900, with vllm 1200).")
  private @Nullable Long timeoutSeconds;

  @Option(
      names = "--warm-start",
      negatable = true,
      fallbackValue = "true",
      order = 8,
      description =
          "Fork each tracer's process from one that has imported torch (default: where there are"
              + " several).")
  private @Nullable Boolean warmStart;

  @Mixin private TraceOptions options = new TraceOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

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

  @Override
  public Integer call() throws IOException {
    Framework framework = tracers.framework();
    long timeout =
        timeoutSeconds != null ? timeoutSeconds : framework == Framework.VLLM ? 1200 : 900;
    if (timeout < 1 || timeout > LONGEST_TIMEOUT_SECONDS) {
      throw new UserException(
          ExitCode.USAGE, "--timeout is from 1 second to a year (31536000)", null);
    }
    if (top < 1) {
      throw new UserException(ExitCode.USAGE, "--top must be at least 1", null);
    }
    if (tracers.onlyTells()) {
      System.out.print(tracers.tell(format, Terminal.stdout()));
      return ExitCode.OK.code();
    }
    if (model == null) {
      throw new UserException(
          ExitCode.USAGE,
          "trace needs a model: --model NAME or --model-path DIR",
          "To try it: kerneltracer trace --model type:qwen3 --tiny");
    }
    List<Tracer> chosen = tracers.chosen();
    ModelReference reference = model.resolve();
    boolean ofType = reference instanceof ModelReference.Type;
    PathFilter pathFilter = options.pathFilter();
    TraceSettings settings = options.settings(ofType, engine.settings(framework));
    if (reference.directory() != null) {
      ModelFiles.configuration(reference.directory());
    }
    long startedNs = System.nanoTime();
    List<TraceJob> plan = new ArrayList<>();
    List<JobResult> results = new ArrayList<>();
    try {
      run(reference, settings, chosen, Duration.ofSeconds(timeout), plan, results);
    } finally {
      if (!results.isEmpty()) {
        RunSummary.record(
            outputDirectory, spec.commandLine().getParseResult().originalArgs(), plan, results);
      }
    }
    if (results.getLast().status().outcome() == Outcome.CANCELLED) {
      System.err.println("kerneltracer: interrupted; nothing is left running.");
      return ExitCode.INTERRUPTED.code();
    }
    double seconds = (System.nanoTime() - startedNs) / 1e9;
    TraceResults shown = new TraceResults(reference, settings, results, seconds, top, pathFilter);
    switch (format) {
      case TABLE -> System.out.print(new TraceReport(shown).text(Terminal.stdout()));
      case JSON -> System.out.println(TraceJson.of(shown));
    }
    boolean failed = results.stream().anyMatch(result -> result.status().failed());
    return failed ? ExitCode.JOBS_FAILED.code() : ExitCode.OK.code();
  }

  /// Adds every job to `plan`, then runs one after the other and adds how each ended to `results`.
  private void run(
      ModelReference reference,
      TraceSettings settings,
      List<Tracer> chosen,
      Duration timeout,
      List<TraceJob> plan,
      List<JobResult> results) {
    try (ProgressLine progress = ProgressLine.start(reference.label(), quiet)) {
      Interpreter interpreter =
          new InterpreterSearch(System.getenv(), python).find(tracers.framework(), progress::show);
      String untested = tracers.framework().untested(interpreter);
      if (untested != null) {
        progress.say("kerneltracer: " + untested);
      }
      Path probe = ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path());
      boolean skip = !force && ifExists == IfExists.SKIP;
      for (Mode mode : tracers.modes()) {
        for (Tracer tracer : chosen) {
          if (tracers.named() || tracer.modes().contains(mode)) {
            plan.add(
                new TraceJob(
                    reference, tracer, mode, settings, outputDirectory, interpreter.packages()));
          }
        }
      }
      boolean several = warmStart != null ? warmStart : plan.size() > 1;
      boolean warm = several && tracers.framework() == Framework.TRANSFORMERS;
      try (JobRunner runner =
          new JobRunner(
              interpreter,
              probe,
              timeout,
              warm,
              line -> progress.show(line, results.size(), plan.size()))) {
        for (TraceJob job : plan) {
          JobResult result = runner.run(job, skip);
          results.add(result);
          if (result.fatal() != null) {
            throw result.fatal();
          }
          if (result.status().outcome() == Outcome.CANCELLED) {
            return;
          }
        }
      }
    }
  }
}
