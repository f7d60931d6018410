package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.sweep.SweepPhase;
import dev.kerneltracer.sweep.SweepRun;
import dev.kerneltracer.sweep.SweepSettings;
import dev.kerneltracer.sweep.SweepSize;
import dev.kerneltracer.tracer.EngineSettings;
import dev.kerneltracer.tracer.TraceSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The options that both kinds of sweep have, and what they do with them.
final class SweepOptions {
  private static final long MOST_SECONDS = 10_000_000;
  private static final Pattern DTYPE = Pattern.compile("auto|[a-z]+[0-9]*[a-z0-9_]*");

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      order = 4,
      description =
          "Where traces and tables go (default: outputs/<org>/<model>/sweep_decode or"
              + " sweep_prefill).")
  private @Nullable Path outputDirectory;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "5",
      order = 5,
      description =
          "Profiled steps of each size; tables have their median (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "5",
      order = 5,
      description =
          "Exact steps of each size before the first profiled one (default: ${DEFAULT-VALUE}).")
  private int warmup;

  @Option(
      names = "--patience",
      paramLabel = "SECONDS",
      defaultValue = "10",
      order = 5,
      description =
          "Without progress for so long, a batch that cannot be together is let go: its steps do"
              + " not count (default: ${DEFAULT-VALUE}).")
  private double patience;

  @Option(
      names = {"-f", "--force"},
      order = 6,
      description = "Run sizes that are there again.")
  private boolean force;

  @Option(
      names = {"-v", "--verbose"},
      order = 6,
      description = "Print torch's own table of each size that runs.")
  private boolean verbose;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      order = 10,
      description = "Override a value of the model's configuration. Repeatable.")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--tiny",
      order = 11,
      description = "The same structure with small numbers: two layers of each kind.")
  private boolean tiny;

  @Option(
      names = "--weights",
      paramLabel = "KIND",
      order = 12,
      description =
          "real or random (default: real for a model with weights, random for type:NAME, --tiny and"
              + " --set).")
  private TraceSettings.@Nullable Weights weights;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      defaultValue = "auto",
      order = 13,
      description = "float32, bfloat16, float16 … (default: the model's own).")
  private String dtype = "auto";

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "auto",
      order = 14,
      description = "cpu, cuda or auto (default: what the installed vLLM is for).")
  private String device = "auto";

  @Option(
      names = "--trust-remote-code",
      order = 15,
      description = "Run Python code that the model brings along.")
  private boolean trustRemoteCode;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      order = 16,
      description = "For weights and prompts (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--memory-check",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      order = 17,
      description = "Refuse a run whose estimated memory is not free (default: on).")
  private boolean memoryCheck = true;

  @Mixin private EngineOptions engine = new EngineOptions();

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "86400",
      order = 40,
      description = "For the whole sweep (default: ${DEFAULT-VALUE}).")
  private long timeoutSeconds;

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      order = 40,
      description = "The Python that has vLLM (default: see kerneltracer env doctor).")
  private @Nullable String python;

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

  int steps() {
    return steps;
  }

  int warmup() {
    return warmup;
  }

  static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, "See kerneltracer sweep --help.");
    }
  }

  /// Runs the sizes that are not there yet, makes the tables and prints them.
  Integer run(SweepPhase phase, ModelOptions models, List<SweepSize> sizes, int outputTokens)
      throws IOException {
    check();
    ModelReference model = models.one("sweep " + phase.text(), System.getenv());
    EngineSettings engineSettings = eager(engine.settings(Framework.VLLM));
    boolean ofType = model instanceof ModelReference.Type;
    TraceSettings.Weights kind =
        TraceOptions.weights(weights, ofType, tiny, !set.isEmpty(), "sweep");
    long inputs = sizes.stream().mapToInt(SweepSize::inputTokens).distinct().count();
    try (ProgressLine progress = ProgressLine.start("sweep " + phase.text(), quiet)) {
      Interpreter found =
          new InterpreterSearch(System.getenv(), python).find(Framework.VLLM, progress::show);
      SweepSettings settings =
          new SweepSettings(
              model,
              phase,
              sizes,
              outputTokens,
              steps,
              warmup,
              patience,
              verbose,
              set.stream().map(text -> TraceOptions.keyValue("--set", text)).toList(),
              tiny,
              kind,
              dtype,
              device,
              trustRemoteCode,
              memoryCheck,
              seed,
              engineSettings,
              directory(phase, model),
              inputs > 1,
              found.packages());
      return run(found, settings, progress);
    }
  }

  private void check() {
    require(steps >= 1, "--steps must be at least 1");
    require(warmup >= 0, "--warmup must not be negative");
    require(patience > 0, "--patience must be above 0");
    require(
        timeoutSeconds >= 1 && timeoutSeconds <= MOST_SECONDS,
        "--timeout is from 1 to " + MOST_SECONDS + " seconds");
    require(DTYPE.matcher(dtype).matches(), "--dtype '" + dtype + "' is no torch dtype");
    require(
        List.of("auto", "cpu", "cuda").contains(device),
        "--device is cpu, cuda or auto, not '" + device + "'");
  }

  /// Graphs would hide which module launched a kernel.
  private static EngineSettings eager(EngineSettings asked) {
    return new EngineSettings(
        asked.tensorParallelSize(),
        asked.maxModelLen(),
        asked.gpuMemoryUtilization(),
        true,
        asked.arguments());
  }

  private Path directory(SweepPhase phase, ModelReference model) {
    return outputDirectory != null
        ? outputDirectory
        : Path.of("outputs").resolve(model.resultPath()).resolve("sweep_" + phase.text());
  }

  private int run(Interpreter found, SweepSettings settings, ProgressLine progress)
      throws IOException {
    Path probe = ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path());
    SweepRun run = new SweepRun(found, probe, settings, Duration.ofSeconds(timeoutSeconds));
    SweepProgress listener = new SweepProgress(progress);
    SweepRun.End end;
    try {
      end = run.run(force, listener);
    } catch (InterruptedException e) {
      progress.close();
      System.err.println(
          "kerneltracer: interrupted; nothing is left running. The same command goes on with the"
              + " sizes that are missing.");
      return ExitCode.INTERRUPTED.code();
    }
    List<SweepReport.Part> parts = new ArrayList<>();
    for (int input : settings.sizes().stream().map(SweepSize::inputTokens).distinct().toList()) {
      if (end.records().stream()
          .anyMatch(record -> record.inputTokens() == input && record.steps() > 0)) {
        parts.add(
            new SweepReport.Part(
                settings.tableDirectory(input), input, run.tables(input, listener)));
      }
    }
    progress.close();
    if (verbose) {
      printTorchTables(settings);
    }
    SweepReport.print(parts, end.records(), format);
    if (end.failure() != null) {
      System.err.println("kerneltracer: the sweep ended early: " + end.failure());
      System.err.println(
          "Its log is "
              + settings.outputDirectory().resolve(SweepRun.LOG)
              + "; the same command goes on with the sizes that are missing.");
    }
    int missing =
        (int)
            (settings.sizes().size() - end.records().stream().filter(r -> r.isComplete()).count());
    if (end.failure() == null && missing > 0) {
      System.err.println(
          "kerneltracer: "
              + missing
              + " of "
              + settings.sizes().size()
              + " sizes were not exact in all steps");
      System.err.println(
          "Not all of such a batch could be together, mostly for want of KV cache: fewer tokens, or"
              + " more memory for it.");
    }
    return SweepReport.exitCode(parts.stream().map(SweepReport.Part::tables).toList(), missing)
        .code();
  }

  private static void printTorchTables(SweepSettings settings) throws IOException {
    for (SweepSize size : settings.sizes()) {
      Path table = settings.folder(size).resolve("torch_table.txt");
      if (Files.exists(table)) {
        System.err.println(
            "torch's table of batch " + size.batch() + ", input " + size.inputTokens());
        System.err.println(Files.readString(table));
      }
    }
  }

  /// What of a run is shown while it lasts.
  private record SweepProgress(ProgressLine line) implements SweepRun.Listener {
    @Override
    public void phase(String text) {
      line.show(text);
    }

    @Override
    public void begun(SweepSize size, int done, int total) {
      line.show(
          "batch " + size.batch() + ", input " + size.inputTokens() + ", sizes done", done, total);
    }

    @Override
    public void note(String text) {
      line.say("kerneltracer: " + text);
    }
  }
}
