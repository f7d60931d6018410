package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.Goal;
import dev.kerneltracer.load.GoalSearch;
import dev.kerneltracer.load.LoadClient;
import dev.kerneltracer.load.LoadMetrics;
import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRecorder;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.MetricsJson;
import dev.kerneltracer.load.PlanFile;
import dev.kerneltracer.load.Target;
import dev.kerneltracer.model.ModelReference;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.TokenCounter;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.serve.ServerConnection;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.core.JsonGenerator;

/// `load`: sends a mixed load to a server and measures what comes back.
@Command(
    name = "load",
    description = "Send a mixed load to an OpenAI-compatible server and measure its latencies.",
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer load --url http://localhost:8000 --rate 25 --duration 60",
      "  kerneltracer load --url http://localhost:8000 --mix chat=60,rag=30,code=10 \\",
      "      --seed 42 --output-dir out",
      "  kerneltracer load --url http://localhost:8000 --load mix.yaml --concurrency 32",
      "  kerneltracer load --url http://localhost:8000 --duration 30 \\",
      "      --goal 'ttft_p99<500ms,tpot_p99<50ms'",
      "  kerneltracer load --url http://localhost:8000 --replay out/requests.jsonl"
    })
final class LoadCommand implements Callable<Integer> {
  private static final Duration SHORT = Duration.ofSeconds(10);

  /// A rate so many times below the first is low enough to give up.
  private static final double LEAST_RATE_SHARE = 1.0 / 64;

  /// Of a trial.
  private static final double LEAST_REQUESTS = 10;

  private static final double MOST_RATE = 100_000;
  private static final double PRECISION = 0.05;
  private static final int MOST_TRIALS = 24;

  @Option(
      names = "--url",
      paramLabel = "URL",
      required = true,
      order = 1,
      description = "The server, such as http://localhost:8000. Nothing else is spoken to.")
  private String url = "";

  @Option(
      names = "--model",
      paramLabel = "NAME",
      order = 2,
      description = "The name that it serves the model by (default: the first of /v1/models).")
  private @Nullable String model;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      order = 3,
      defaultValue = "${env:OPENAI_API_KEY}",
      description = "The key that it wants (default: the variable OPENAI_API_KEY).")
  private @Nullable String apiKey;

  @Option(names = "--insecure", order = 3, description = "https: take any certificate.")
  private boolean insecure;

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      order = 4,
      description = "Write requests.jsonl and metrics.json there.")
  private @Nullable Path outputDirectory;

  @Option(
      names = "--tokenizer",
      paramLabel = "DIR|NAME",
      order = 5,
      description =
          "The model's directory or its name in the Hugging Face cache, to write text prompts of true"
              + " lengths with its tokenizer. Without one, token ids are sent.")
  private @Nullable String tokenizer;

  @Option(
      names = "--trust-remote-code",
      order = 6,
      description = "Let the tokenizer's own code run.")
  private boolean trustRemoteCode;

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      order = 7,
      description = "The Python that has Transformers, for the tokenizer.")
  private @Nullable String python;

  @Option(
      names = "--max-rate",
      paramLabel = "N",
      order = 8,
      description = "The highest rate that is tried for a --goal (default: 100000).")
  private double maxRate = MOST_RATE;

  @Option(
      names = "--save-plan",
      paramLabel = "FILE",
      order = 8,
      description = "Write what is sent, and when, as JSON lines.")
  private @Nullable Path planFile;

  @Option(names = "--dry-run", order = 9, description = "Plan, and send nothing.")
  private boolean dryRun;

  @Mixin private LoadOptions options = new LoadOptions();

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      order = 80,
      description = "How results are printed (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      order = 81,
      description = "No progress on standard error.")
  private boolean quiet;

  @Override
  public Integer call() throws InterruptedException {
    options.check();
    if (!(maxRate >= options.rate())) {
      throw new UserException(ExitCode.USAGE, "--max-rate is at least --rate", null);
    }
    URI server = server();
    Goal goal = options.goal();
    try (ServerConnection connection = new ServerConnection(server, apiKey)) {
      String name = model;
      int contextTokens = 0;
      if (!dryRun) {
        ServerConnection.Model served = name == null ? connection.model() : null;
        name = served == null ? name : served.name();
        contextTokens = served == null ? 0 : served.maxModelLen();
      }
      boolean vllm = !dryRun && connection.get("/version", SHORT).isOk();
      Target target = options.target(server, name == null ? "" : name, apiKey, vllm, insecure);
      Path tokenizerDirectory = tokenizer == null ? null : tokenizerDirectory(tokenizer);
      if (tokenizerDirectory == null || !options.sendsText(true)) {
        int vocabulary = tokenizerDirectory == null ? 0 : vocabulary(tokenizerDirectory);
        return run(target, goal, new LoadOptions.Server(null, vocabulary, contextTokens, vllm));
      }
      try (TokenCounter counter = counter(tokenizerDirectory)) {
        return run(
            target,
            goal,
            new LoadOptions.Server(new PromptTokens(counter), 0, contextTokens, vllm));
      }
    }
  }

  private URI server() {
    URI server = null;
    try {
      server = URI.create(url.contains("://") ? url : "http://" + url);
    } catch (IllegalArgumentException e) {
      // Told below.
    }
    if (server == null
        || server.getHost() == null
        || server.getUserInfo() != null
        || server.getQuery() != null
        || !("http".equalsIgnoreCase(server.getScheme())
            || "https".equalsIgnoreCase(server.getScheme()))) {
      throw new UserException(
          ExitCode.USAGE, "'" + url + "' is no URL of a server", "Such as http://localhost:8000.");
    }
    String text = server.toString();
    // /v1 is added to what is asked.
    return URI.create(text.replaceFirst("/(v1/?)?$", ""));
  }

  private static Path tokenizerDirectory(String named) {
    Path directory = Path.of(named);
    if (Files.isDirectory(directory)) {
      return directory.toAbsolutePath();
    }
    Path cached = ModelReference.parse(named, System.getenv()).directory();
    if (cached == null) {
      throw new UserException(
          ExitCode.USAGE,
          named + " has no tokenizer",
          "Leave out --tokenizer: token ids are sent.");
    }
    return cached;
  }

  private static int vocabulary(Path directory) {
    try {
      String text = Files.readString(directory.resolve("config.json"));
      Matcher size = Pattern.compile("\"vocab_size\"\\s*:\\s*(\\d{1,9})").matcher(text);
      return size.find() ? Integer.parseInt(size.group(1)) : 0;
    } catch (IOException e) {
      return 0; // a directory with a tokenizer alone
    }
  }

  private TokenCounter counter(Path directory) throws InterruptedException {
    try (ProgressLine progress = ProgressLine.start("tokenizer", quiet)) {
      InterpreterSearch search = new InterpreterSearch(System.getenv(), python);
      return TokenCounter.start(
          search.find(Framework.TRANSFORMERS, progress::show), directory, trustRemoteCode);
    }
  }

  private int run(Target target, Goal goal, LoadOptions.Server server) throws InterruptedException {
    if (!goal.isNone() && options.hasRate() && !dryRun) {
      return search(target, goal, server);
    }
    LoadPlan plan = plan(options.rate(), server);
    if (planFile != null) {
      PlanFile.write(planFile, plan);
    }
    if (dryRun) {
      System.out.print(PlanText.of(plan, options, Terminal.stdout().width()));
      return ExitCode.OK.code();
    }
    String missing;
    LoadMetrics metrics;
    try (ProgressLine progress = ProgressLine.start(target.model(), quiet)) {
      Sent sent = send(target, plan, goal, outputDirectory, progress);
      metrics = sent.metrics();
      missing = sent.missing();
    }
    switch (format) {
      case TABLE -> {
        System.out.print(LoadReport.text(metrics, goal, Terminal.stdout().width()));
        if (outputDirectory != null) {
          System.out.println("\nrequests.jsonl and metrics.json are in " + outputDirectory + ".");
        }
      }
      case JSON ->
          JsonFile.print(
              System.out, json -> object(json, () -> write(json, target, plan, metrics, goal)));
    }
    boolean met = goal.outcomes(metrics).stream().allMatch(Goal.Outcome::met);
    return code(metrics.interrupted(), !met || metrics.whole().successShare() < 1, missing);
  }

  private LoadPlan plan(double rate, LoadOptions.Server server) throws InterruptedException {
    try (ProgressLine progress = ProgressLine.start("plan", quiet)) {
      progress.show("writing prompts");
      return options.plan(rate, server);
    }
  }

  /// A run that was sent.
  ///
  /// @param missing why requests.jsonl is not whole, null where it is
  private record Sent(LoadMetrics metrics, @Nullable String missing) {}

  private static Sent send(
      Target target, LoadPlan plan, Goal goal, @Nullable Path directory, ProgressLine progress) {
    LoadRecorder recorder =
        LoadRecorder.start(
            plan, directory == null ? null : directory.resolve("requests.jsonl"), goal);
    LoadRun run;
    try (recorder;
        LoadProgress listener = LoadProgress.start(progress, recorder, plan)) {
      run = new LoadClient(target).run(plan, listener);
    }
    // An interrupt has done its work: what follows is to be written all the same.
    boolean interrupted = Thread.interrupted();
    LoadMetrics metrics = recorder.metrics(plan, run);
    @Nullable String missing = recorder.failure();
    if (directory != null) {
      try {
        JsonFile.write(
            directory.resolve("metrics.json"),
            json -> object(json, () -> write(json, target, plan, metrics, goal)));
      } catch (UserException e) {
        missing = missing == null ? e.getMessage() : missing;
      }
    }
    if (interrupted && !metrics.interrupted()) {
      Thread.currentThread().interrupt();
    }
    return new Sent(metrics, missing);
  }

  private static void object(JsonGenerator json, Runnable fields) {
    json.writeStartObject();
    fields.run();
    json.writeEndObject();
  }

  private static void write(
      JsonGenerator json, Target target, LoadPlan plan, LoadMetrics metrics, Goal goal) {
    json.writeStringProperty("url", target.url().toString());
    json.writeStringProperty("model", target.model());
    MetricsJson.writeFields(json, plan, metrics, goal);
  }

  private static int code(boolean interrupted, boolean failed, @Nullable String missing) {
    if (missing != null) {
      System.err.println("kerneltracer: " + missing);
    }
    ExitCode code =
        interrupted
            ? ExitCode.INTERRUPTED
            : failed || missing != null ? ExitCode.JOBS_FAILED : ExitCode.OK;
    return code.code();
  }

  private int search(Target target, Goal goal, LoadOptions.Server server)
      throws InterruptedException {
    double first = options.rate();
    // A trial with a handful of requests says nothing of a percentile.
    double least = Math.max(first * LEAST_RATE_SHARE, LEAST_REQUESTS / options.durationS());
    GoalSearch search =
        new GoalSearch(first, Math.min(first, least), maxRate, PRECISION, MOST_TRIALS);
    List<String> missing = new ArrayList<>();
    int[] trials = new int[1];
    GoalSearch.Found found;
    try (ProgressLine progress = ProgressLine.start(target.model(), quiet)) {
      found =
          search.search(
              goal,
              rate -> {
                int number = ++trials[0];
                progress.say("trial " + number + ": " + Amount.decimal(rate, 2) + " requests/s");
                Path directory =
                    outputDirectory == null
                        ? null
                        : outputDirectory.resolve("trials").resolve(String.valueOf(number));
                Sent sent = send(target, options.plan(rate, server), goal, directory, progress);
                if (sent.missing() != null) {
                  missing.add(sent.missing());
                }
                return sent.metrics();
              });
    }
    JsonFile.Content content = json -> GoalSearchJson.write(json, found, options.goal());
    if (outputDirectory != null) {
      JsonFile.write(outputDirectory.resolve("goal_search.json"), content);
    }
    switch (format) {
      case TABLE -> System.out.print(LoadReport.search(found, goal, Terminal.stdout().width()));
      case JSON -> JsonFile.print(System.out, content);
    }
    return code(
        found.interrupted(), found.best() == null, missing.isEmpty() ? null : missing.getFirst());
  }
}
