package dev.kerneltracer.cli;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.LoadClient;
import dev.kerneltracer.load.LoadListener;
import dev.kerneltracer.load.LoadMetrics;
import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRecorder;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.MetricsJson;
import dev.kerneltracer.load.PlannedRequest;
import dev.kerneltracer.load.RequestResult;
import dev.kerneltracer.load.Tokenizer;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.TokenCounter;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.serve.ProfileRun;
import dev.kerneltracer.serve.ProfileWindow;
import dev.kerneltracer.serve.ServerConnection;
import dev.kerneltracer.serve.ServerMetrics;
import dev.kerneltracer.serve.SlowSeconds;
import dev.kerneltracer.serve.VllmServer;
import dev.kerneltracer.serve.WindowAnalysis;
import dev.kerneltracer.serve.WindowResult;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One run of `profile` on a server that is there: load, windows, files.
final class ProfileSession {
  static final String TRACES = "trace";

  private static final String TABLES = "tables";
  private static final int SLOW_SECONDS = 3;

  private final Path directory;
  private final LoadOptions load;
  private final ProfileOptions profile;
  private final List<ProfileWindow> windows;
  private final List<ProfileWindow> phases;
  private final ProgressLine progress;

  ProfileSession(
      Path directory,
      LoadOptions load,
      ProfileOptions profile,
      List<ProfileWindow> windows,
      List<ProfileWindow> phases,
      ProgressLine progress) {
    this.directory = directory;
    this.load = load;
    this.profile = profile;
    this.windows = windows;
    this.phases = phases;
    this.progress = progress;
  }

  /// What a server is, as far as is known.
  ///
  /// @param vllm whether it is one
  /// @param own null for another's
  private record Served(
      ServerConnection connection,
      String model,
      int contextTokens,
      int vocabulary,
      boolean vllm,
      @Nullable VllmServer own,
      @Nullable Path traceDirectory) {
    LoadOptions.Server facts(@Nullable Tokenizer tokenizer) {
      return new LoadOptions.Server(tokenizer, vocabulary, contextTokens, vllm);
    }
  }

  /// Removes what an earlier run left in a directory, which is nobody else's: its traces would be
  /// taken for this one's.
  static void clear(Path directory) {
    Path traces = directory.resolve(TRACES);
    if (!Files.isDirectory(traces)) {
      return;
    }
    try (Stream<Path> files = Files.walk(traces)) {
      for (Path file :
          files
              .filter(Files::isRegularFile)
              .filter(
                  path -> path.toString().matches(".*(\\.json(\\.gz)?|profiler_out_\\d+\\.txt)"))
              .toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "cannot remove earlier traces in " + traces + ": " + AtomicFile.reason(e),
          "Choose another --output-dir.",
          e);
    }
  }

  /// On a server of our own, which is ended before its traces are read.
  ProfileOutcome of(VllmServer server, Interpreter python) throws InterruptedException {
    VllmServer.Facts facts = server.facts();
    return run(
        new Served(
            server.connection(),
            server.modelName(),
            server.maxModelLen(),
            facts.vocabulary(),
            true,
            server,
            directory.resolve(TRACES)),
        python);
  }

  /// On a server that runs already.
  ProfileOutcome at(URI url) throws InterruptedException {
    try (ServerConnection connection = new ServerConnection(url, profile.apiKey(System.getenv()))) {
      progress.show("asking " + url);
      ServerConnection.Model model = connection.model();
      return run(
          new Served(
              connection,
              model.name(),
              model.maxModelLen(),
              0,
              ServerMetrics.areVllms(connection),
              null,
              profile.traceDirectory()),
          null);
    }
  }

  private ProfileOutcome run(Served served, @Nullable Interpreter python)
      throws InterruptedException {
    progress.show("planning the load");
    return sent(served, plan(served, python));
  }

  private LoadPlan plan(Served served, @Nullable Interpreter python) throws InterruptedException {
    VllmServer own = served.own();
    if (own == null || python == null || !load.sendsText(own.facts().tokenizer())) {
      return load.plan(served.facts(null));
    }
    if (!own.facts().tokenizer()) {
      throw new UserException(
          ExitCode.USAGE,
          served.model() + " has no tokenizer, so it takes no text",
          "Leave out --endpoint chat and --prompts text: token ids are sent then.");
    }
    try (TokenCounter counter =
        TokenCounter.start(
            python, Path.of(own.facts().modelDirectory()), own.facts().trustRemoteCode())) {
      return load.plan(served.facts(new PromptTokens(counter)));
    }
  }

  private ProfileOutcome sent(Served served, LoadPlan plan) throws InterruptedException {
    VllmServer own = served.own();
    LoadClient client =
        new LoadClient(
            load.target(
                served.connection().url(),
                served.model(),
                own == null ? profile.apiKey(System.getenv()) : null,
                served.vllm(),
                false));
    ProfileRun run =
        new ProfileRun(
            served.connection(),
            (LoadPlan sent, LongConsumer began, Consumer<RequestResult> ended) ->
                client.run(sent, new Told(began, ended)),
            new ProfileRun.Settings(
                plan,
                windows,
                phases,
                served.vocabulary(),
                served.traceDirectory(),
                profile.stopTimeout(),
                served.contextTokens()),
            () -> own == null ? null : own.died(),
            progress::show);
    SlowSeconds slow = new SlowSeconds();
    LoadRecorder recorder =
        LoadRecorder.start(plan, directory.resolve("requests.jsonl"), load.goal());
    ProfileRun.Result result;
    try (recorder) {
      result =
          run.run(ended -> {
            recorder.add(ended);
            slow.add(ended);
          });
    }
    if (result.loadFailure() != null) {
      throw result.loadFailure();
    }
    LoadRun sent = result.run();
    if (sent == null) {
      throw new InterruptedException();
    }
    if (own != null) {
      progress.show("ending the server");
      own.close();
    }
    return outcome(served, plan, recorder.metrics(plan, sent), recorder.failure(), slow, result);
  }

  /// Hands on what the client tells.
  private record Told(LongConsumer began, Consumer<RequestResult> ended) implements LoadListener {
    @Override
    public void began(long zeroNanoTime) {
      began.accept(zeroNanoTime);
    }

    @Override
    public void started(PlannedRequest request) {}

    @Override
    public void ended(RequestResult result) {
      ended.accept(result);
    }
  }

  /// Reads the traces and writes the files; a failure of one does not keep the others from being
  /// written.
  private ProfileOutcome outcome(
      Served served,
      LoadPlan plan,
      LoadMetrics metrics,
      @Nullable String unwritten,
      SlowSeconds slow,
      ProfileRun.Result result)
      throws InterruptedException {
    List<String> notes = new ArrayList<>();
    List<String> failures = new ArrayList<>();
    if (served.own() == null && !result.interrupted()) {
      ServerConnection.Answer health = served.connection().get("/health", Duration.ofSeconds(10));
      if (health.status() == 0) {
        failures.add("the server answers no more: " + health.body());
      }
    }
    if (unwritten != null) {
      failures.add(unwritten);
    }
    JsonFile.Content load =
        json -> {
          json.writeStartObject();
          MetricsJson.writeFields(json, plan, metrics, this.load.goal());
          json.writeEndObject();
        };
    attempt(failures, () -> JsonFile.write(directory.resolve("metrics.json"), load));
    attempt(
        failures,
        () -> ServerMetrics.write(directory.resolve("server_metrics.csv"), result.states()));
    Map<String, WindowAnalysis> analyses = new HashMap<>();
    if (!result.interrupted()) {
      for (WindowResult window : result.windows()) {
        progress.show("reading the traces of " + window.window().name());
        analyze(served, window, analyses, failures);
      }
    }
    new ProfileJudgement(served.own() != null, profile, metrics, result, analyses)
        .tell(notes, failures);
    ProfileOutcome outcome =
        new ProfileOutcome(
            served.model(),
            served.connection().url().toString(),
            served.own() == null ? null : served.own().facts(),
            profile.safe(),
            LoadReport.text(metrics, this.load.goal(), Terminal.stdout().width()),
            load,
            result.windows(),
            analyses,
            slow.worst(SLOW_SECONDS, result.states(), result.windows()),
            notes,
            failures.isEmpty() ? null : String.join("; ", failures),
            result.interrupted(),
            directory);
    attempt(
        failures,
        () -> JsonFile.write(directory.resolve("profile.json"), new ProfileJson(outcome, null)));
    return outcome;
  }

  private void analyze(
      Served served,
      WindowResult window,
      Map<String, WindowAnalysis> analyses,
      List<String> failures)
      throws InterruptedException {
    if (window.startedNs() < 0 || served.traceDirectory() == null) {
      return;
    }
    String name = window.window().name();
    boolean single = windows.size() + phases.size() == 1;
    Path tables = single ? directory.resolve(TABLES) : directory.resolve(TABLES).resolve(name);
    try {
      List<Path> files = placed(window, served.own() != null, single);
      analyses.put(name, WindowAnalysis.of(name, files, tables));
    } catch (UserException e) {
      failures.add(String.valueOf(e.getMessage()));
    }
  }

  /// A window's traces where its name says them; those of another's server are copied.
  private List<Path> placed(WindowResult window, boolean ours, boolean single) {
    Path traces = directory.resolve(TRACES);
    Path place = single ? traces : traces.resolve(window.window().name());
    List<Path> files = new ArrayList<>();
    for (Path file : window.traces()) {
      Path target = place.resolve(file.getFileName());
      if (!target.equals(file)) {
        try {
          Files.createDirectories(place);
          if (ours) {
            Files.move(file, target, StandardCopyOption.REPLACE_EXISTING);
          } else {
            Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
          }
        } catch (IOException e) {
          throw new UserException(
              ExitCode.JOBS_FAILED,
              "cannot put " + file + " into " + place + ": " + AtomicFile.reason(e),
              "Free some space; the trace is where it was.",
              e);
        }
      }
      files.add(target);
    }
    return files;
  }

  private static void attempt(List<String> failures, Runnable write) {
    try {
      write.run();
    } catch (UserException e) {
      failures.add(String.valueOf(e.getMessage()));
    }
  }
}
