package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.serve.ProfileWindow;
import dev.kerneltracer.serve.ServerSettings;
import dev.kerneltracer.serve.VllmServer;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `profile`: a vLLM server under a mixed load, with windows in which its profiler records.
@Command(
    name = "profile",
    description = {
      "Start a vLLM server (or take one that runs), drive it with a mixed load, profile a window of"
          + " it, and explain latencies by the engine's steps and the server's metrics.",
      "What stands after -- goes to vLLM as it is."
    },
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    parameterListHeading = "%nArguments:%n",
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer profile --model type:qwen3 --weights random --tiny --rate 2 --duration 20",
      "  kerneltracer profile --model org/name -o out -- --max-num-seqs 64",
      "  kerneltracer profile --model org/name --window name=warm,after=5s --window after=60s,steps=50",
      "  kerneltracer profile --model type:qwen3 --weights random --phase decode,prefill",
      "  kerneltracer profile --url http://host:8000 --duration 60 --trace-dir /mnt/traces"
    })
final class ProfileCommand implements Callable<Integer> {
  private static final int FILE_WIDTH = 100;
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd_HHmmss");

  @Parameters(
      paramLabel = "WORD",
      arity = "0..*",
      description = "Arguments of vLLM's own, after --: --max-num-seqs 64.")
  private List<String> words = new ArrayList<>();

  @Mixin private ServerOptions server = new ServerOptions();

  @Mixin private ProfileOptions profile = new ProfileOptions();

  @Mixin private LoadOptions load = new LoadOptions();

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      order = 80,
      description = "Where results go (default: output/safe_profile_YYYYMMDD_HHMMSS).")
  private @Nullable Path outputDirectory;

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      order = 81,
      description = "The Python that has vLLM (default: see kerneltracer env doctor).")
  private @Nullable String python;

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      order = 82,
      description = "How results are printed (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      order = 83,
      description = "No progress on standard error.")
  private boolean quiet;

  @Override
  public Integer call() throws InterruptedException {
    profile.check();
    load.check();
    URI url = profile.url();
    if (url != null && (server.namesModel() || !words.isEmpty())) {
      throw new UserException(
          ExitCode.USAGE,
          "--url takes a server that runs already: no --model, and no arguments of vLLM's",
          "See kerneltracer profile --help.");
    }
    List<ProfileWindow> windows =
        profile.windows(Duration.ofMillis(Math.round(load.durationS() * 1000)));
    List<ProfileWindow> phases = profile.phases(windows);
    Path directory = directory();
    ProfileOutcome outcome;
    try (ProgressLine progress = ProgressLine.start("profile", quiet)) {
      ProfileSession session =
          new ProfileSession(directory, load, profile, windows, phases, progress);
      outcome =
          url == null ? ownServer(session, directory, windows, phases, progress) : session.at(url);
    }
    switch (format) {
      case TABLE -> System.out.print(new ProfileReport(outcome, Terminal.stdout().width()).text());
      case JSON -> JsonFile.print(System.out, new ProfileJson(outcome, outcome.metrics()));
    }
    System.out.flush();
    // Last, so that a full disk takes nothing from what is shown.
    AtomicFile.writeString(
        directory.resolve("benchmark_output.log"), new ProfileReport(outcome, FILE_WIDTH).text());
    if (outcome.interrupted()) {
      System.err.println("kerneltracer: interrupted; nothing is left running.");
      return ExitCode.INTERRUPTED.code();
    }
    return (outcome.failure() == null ? ExitCode.OK : ExitCode.JOBS_FAILED).code();
  }

  private ProfileOutcome ownServer(
      ProfileSession session,
      Path directory,
      List<ProfileWindow> windows,
      List<ProfileWindow> phases,
      ProgressLine progress)
      throws InterruptedException {
    Path traces = directory.resolve(ProfileSession.TRACES);
    int steps =
        Stream.concat(windows.stream(), phases.stream())
            .mapToInt(ProfileWindow::steps)
            .max()
            .orElse(0);
    ServerSettings.Profiling profiling =
        steps == 0
            ? null
            : new ServerSettings.Profiling(
                traces, profile.recordShapes(), profile.withStack(), steps);
    ServerSettings settings = server.settings(words, profile.safe(), profiling);
    Interpreter interpreter =
        new InterpreterSearch(System.getenv(), python).find(Framework.VLLM, progress::show);
    String untested = Framework.VLLM.untested(interpreter);
    if (untested != null) {
      progress.say("kerneltracer: " + untested);
    }
    Path probe = ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path());
    try (VllmServer started = VllmServer.start(interpreter, probe, settings, directory)) {
      started.awaitReady(server.startupTimeout(), progress::show);
      return session.of(started, interpreter);
    }
  }

  private Path directory() {
    Path directory =
        outputDirectory != null
            ? outputDirectory
            : Path.of(
                "output",
                "safe_profile_" + STAMP.format(LocalDateTime.now(ZoneId.systemDefault())));
    ProfileSession.clear(directory);
    return directory;
  }
}
