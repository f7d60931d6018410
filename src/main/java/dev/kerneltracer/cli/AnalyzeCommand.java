package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.SecondCore;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.AnalyzedTrace;
import dev.kerneltracer.analysis.Filter;
import dev.kerneltracer.analysis.KernelGroups;
import dev.kerneltracer.analysis.KernelSources;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.NumberRanges;
import dev.kerneltracer.analysis.TraceSummary;
import dev.kerneltracer.report.AnalysisFiles;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.report.KernelNames;
import dev.kerneltracer.report.SummaryJson;
import dev.kerneltracer.trace.Trace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/// `analyze`: reads traces that anybody made, prints and writes tables.
@Command(
    name = "analyze",
    description = "Read PyTorch traces, from anybody's profiler, into exact tables.",
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    parameterListHeading = "%nTraces:%n",
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer analyze trace.json.gz",
      "  kerneltracer analyze trace.json.gz --output-dir tables",
      "  kerneltracer analyze 'traces/rank*.json.gz' --phase decode --top 20",
      "  kerneltracer analyze outputs --kernel 'flash|attn' --format json",
      "  zstd -dc trace.json.zst | kerneltracer analyze -"
    })
final class AnalyzeCommand implements Callable<Integer> {
  /// Below this, reading is done before a progress line could be read.
  private static final long LONG_READ_BYTES = 64L << 20;

  private static final int MANY_FILES = 4;

  private static final int SIGNAL_MS = 50;

  @Parameters(
      paramLabel = "FILE",
      arity = "1..*",
      description =
          "A .json or .json.gz file, a quoted glob, a directory (all traces below it), or - for"
              + " standard input.")
  private List<String> arguments = List.of();

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      order = 1,
      description = "Write all tables there as CSV, and summary.json.")
  private @Nullable Path outputDirectory;

  @Option(
      names = "--kernel-events",
      order = 2,
      description = "Also kernel_events.csv: a row for every kernel.")
  private boolean kernelEvents;

  @Option(
      names = "--steps",
      paramLabel = "N-M,…",
      order = 3,
      converter = RangesConverter.class,
      description = "Only what these steps launched: 3-7,9.")
  private @Nullable NumberRanges steps;

  @Option(
      names = "--phase",
      paramLabel = "PHASE",
      order = 4,
      converter = PhasesConverter.class,
      description =
          "Only steps of this phase: prefill, decode, mixed, forward, backward, optimizer.")
  private Set<String> phases = Set.of();

  @Option(
      names = "--rank",
      paramLabel = "N,…",
      order = 5,
      converter = RangesConverter.class,
      description = "Only traces of these ranks: 0,1.")
  private @Nullable NumberRanges ranks;

  @Option(
      names = "--kernel",
      paramLabel = "REGEX",
      order = 6,
      converter = RegexConverter.class,
      description = "Only kernels in whose name this is found.")
  private @Nullable Pattern kernel;

  @Option(
      names = "--groups",
      paramLabel = "FILE",
      order = 7,
      description = "Rules for kernel groups, tried before the built-in ones.")
  private @Nullable Path groups;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "10",
      order = 8,
      description = "Rows of each printed table (default: ${DEFAULT-VALUE}).")
  private int top;

  @Option(
      names = "--sort",
      paramLabel = "total|calls|avg|max|name",
      defaultValue = "total",
      order = 9,
      description = "Order of the kernels (default: ${DEFAULT-VALUE}).")
  private KernelTable.Order sort = KernelTable.Order.TOTAL;

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      order = 10,
      description = "How results are printed (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      order = 11,
      description = "No progress on standard error.")
  private boolean quiet;

  /// Read by the start script, which gives it to the JVM.
  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      order = 12,
      description =
          "Memory it may take, such as 8g (default: 3g, which is room for some 13 million events).")
  private String memory = "3g";

  private final List<String> problems = new ArrayList<>();
  private final Set<Integer> otherRanks = new TreeSet<>();

  @Override
  public Integer call() throws InterruptedException {
    if (top < 1) {
      throw new UserException(ExitCode.USAGE, "--top must be at least 1", null);
    }
    if (!memory.matches("[1-9]\\d{0,3}[gG]|([1-9]\\d{2,6}|[7-9]\\d|6[4-9])[mM]")) {
      throw new UserException(
          ExitCode.USAGE,
          "--memory is no size to work with: " + memory,
          "A number with g or m, such as 8g; at least 64m.");
    }
    if (kernelEvents && outputDirectory == null) {
      throw new UserException(
          ExitCode.USAGE, "--kernel-events needs a place", "Add --output-dir DIR.");
    }
    FutureTask<KernelSources> sources = SecondCore.started(KernelSources::load);
    KernelNames names = new KernelNames(groups(), () -> SecondCore.result(sources));
    Analysis analysis = new Analysis(new Filter(steps, phases, ranks, kernel));
    TraceInputs inputs = new TraceInputs(arguments);
    problems.addAll(inputs.problems());
    KernelTable kernels;
    SummaryJson summary;
    if (outputDirectory == null) {
      readAll(inputs.inputs(), analysis, null);
      kernels = analysis.kernels().sortedBy(sort);
      summary = new SummaryJson(analysis, kernels, problems, top);
    } else {
      boolean many = inputs.inputs().size() > 1;
      try (AnalysisFiles files = new AnalysisFiles(outputDirectory, names, many, kernelEvents)) {
        readAll(inputs.inputs(), analysis, files);
        kernels = analysis.kernels().sortedBy(sort);
        summary = new SummaryJson(analysis, kernels, problems, top);
        files.finish(analysis, kernels, summary);
      }
    }
    problems.forEach(problem -> System.err.println("kerneltracer: warning: " + problem));
    switch (format) {
      case TABLE ->
          System.out.print(
              new AnalyzeReport(
                      analysis, kernels, names, problems, top, outputDirectory, Terminal.stdout())
                  .text());
      case JSON -> JsonFile.print(System.out, summary);
    }
    return ExitCode.OK.code();
  }

  /// The built-in rules are compiled beside the reading; what is wrong with the user's is said
  /// first.
  private Supplier<KernelGroups> groups() {
    if (groups != null) {
      KernelGroups loaded = KernelGroups.load(groups);
      return () -> loaded;
    }
    FutureTask<KernelGroups> loading = SecondCore.started(KernelGroups::load);
    return () -> SecondCore.result(loading);
  }

  /// Reads one trace after the other; adds what could not be read to `problems`.
  private void readAll(List<TraceInput> inputs, Analysis analysis, @Nullable AnalysisFiles files)
      throws InterruptedException {
    long bytes = inputs.stream().mapToLong(TraceInput::sizeBytes).sum();
    boolean silent = quiet || (bytes < LONG_READ_BYTES && inputs.size() <= MANY_FILES);
    List<String> passedOver = new ArrayList<>();
    @Nullable UserException failure = null;
    try (ProgressLine progress = ProgressLine.start("reading", silent)) {
      int done = 0;
      for (TraceInput input : inputs) {
        progress.show(input.name(), done++, inputs.size());
        try {
          add(input, analysis, files);
        } catch (UserException e) {
          if (e.exitCode() != ExitCode.INPUT_UNREADABLE) {
            throw e;
          }
          failure = e;
          if (input.named()) {
            problems.add(e.getMessage());
          } else {
            passedOver.add(input.name());
          }
        }
        if (input.path() == null) {
          // Ctrl-C ends whoever writes into the pipe, too: its end may be heard before the signal.
          Thread.sleep(SIGNAL_MS);
        } else if (Thread.interrupted()) {
          throw new InterruptedException();
        }
      }
    }
    if (analysis.traces().isEmpty()) {
      throw nothing(failure, passedOver);
    }
    checkSteps(analysis);
    if (!passedOver.isEmpty()) {
      System.err.println("kerneltracer: passed over, no traces: " + listed(passedOver));
    }
  }

  private void add(TraceInput input, Analysis analysis, @Nullable AnalysisFiles files)
      throws InterruptedException {
    Trace trace = input.read();
    int rank = trace.metadata().rank().orElse(-1);
    if (ranks != null && !ranks.has(rank)) {
      otherRanks.add(rank);
      return;
    }
    AnalyzedTrace analyzed = analysis.add(input.name(), trace);
    if (files != null) {
      files.add(analyzed);
    }
  }

  private UserException nothing(@Nullable UserException failure, List<String> passedOver) {
    if (!otherRanks.isEmpty()) {
      return new UserException(
          ExitCode.USAGE,
          "no trace of rank " + ranks,
          otherRanks.contains(-1)
              ? "The traces do not say their rank."
              : "There are traces of rank " + listed(otherRanks) + ".");
    }
    if (problems.size() + passedOver.size() == 1 && failure != null) {
      return failure;
    }
    List<String> all = new ArrayList<>(problems);
    if (!passedOver.isEmpty()) {
      all.add("no traces: " + listed(passedOver));
    }
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        String.join("\nkerneltracer: ", all),
        "Expected Chrome traces as torch.profiler writes them (.json or .json.gz).");
  }

  /// A filter that leaves nothing is a mistake: zeros would look like a result.
  private void checkSteps(Analysis analysis) {
    if (!analysis.filter().ofSteps()) {
      return;
    }
    int all = 0;
    int wanted = 0;
    for (TraceSummary trace : analysis.traces()) {
      all += trace.allSteps();
      wanted += trace.steps().size();
    }
    if (wanted == 0) {
      throw new UserException(
          ExitCode.USAGE,
          all == 0 ? "no steps are marked here" : "none of the " + all + " steps is wanted",
          all == 0
              ? "Steps come from annotations: ProfilerStep, vLLM's, or those of kerneltracer trace."
              : "Leave out --steps and --phase to see which there are.");
    }
  }

  private static String listed(Iterable<?> things) {
    List<String> texts = new ArrayList<>();
    things.forEach(thing -> texts.add(String.valueOf(thing)));
    int shown = 3;
    return String.join(", ", texts.subList(0, Math.min(shown, texts.size())))
        + (texts.size() > shown ? " and " + (texts.size() - shown) + " more" : "");
  }

  /// Reads `3-7,9`.
  static final class RangesConverter implements ITypeConverter<NumberRanges> {
    @Override
    public NumberRanges convert(String text) {
      try {
        return NumberRanges.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }

  /// Reads `prefill,mixed`.
  static final class PhasesConverter implements ITypeConverter<Set<String>> {
    private static final List<String> PHASES =
        List.of("prefill", "decode", "mixed", "forward", "backward", "optimizer");

    @Override
    public Set<String> convert(String text) {
      Set<String> phases = new TreeSet<>(List.of(text.toLowerCase(Locale.ROOT).split(",", -1)));
      for (String phase : phases) {
        if (!PHASES.contains(phase)) {
          throw new TypeConversionException(
              "'" + phase + "' is none of " + String.join(", ", PHASES));
        }
      }
      return phases;
    }
  }

  /// Reads a regular expression.
  static final class RegexConverter implements ITypeConverter<Pattern> {
    @Override
    public Pattern convert(String text) {
      try {
        return Pattern.compile(text);
      } catch (PatternSyntaxException e) {
        throw new TypeConversionException(
            "'" + text + "' is no regular expression: " + e.getDescription());
      }
    }
  }
}
