package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.Arrivals;
import dev.kerneltracer.load.Goal;
import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadPlan.Sampling;
import dev.kerneltracer.load.LoadPlanner;
import dev.kerneltracer.load.Mix;
import dev.kerneltracer.load.PromptForm;
import dev.kerneltracer.load.Recording;
import dev.kerneltracer.load.RequestSource;
import dev.kerneltracer.load.Target;
import dev.kerneltracer.load.Timing;
import dev.kerneltracer.load.Tokenizer;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options of `load` and `profile` that say what is sent, and when.
final class LoadOptions {
  private static final int MOST_REQUESTS = 2_000_000;

  /// Requests of a closed loop that are planned for each of its slots and second, where nobody says
  /// how many: more than a server answers.
  private static final int PLANNED_PER_SLOT_AND_SECOND = 4;

  private static final int MOST_PLANNED_UNASKED = 100_000;

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "25",
      order = 50,
      description =
          "Requests per second, sent by a schedule whether earlier ones have ended or not; where a"
              + " goal is searched for, the first that is tried (default: ${DEFAULT-VALUE}).")
  private double rate = 25;

  @Option(
      names = "--concurrency",
      paramLabel = "N",
      order = 51,
      description = "Instead of a schedule: always so many under way, a new one when another ends.")
  private @Nullable Integer concurrency;

  @Option(
      names = "--duration",
      paramLabel = "SECONDS",
      defaultValue = "120",
      order = 52,
      description =
          "So long requests are begun; those under way are waited for (default: ${DEFAULT-VALUE}).")
  private double durationS = 120;

  @Option(
      names = "--requests",
      paramLabel = "N",
      order = 53,
      description = "No more requests than these.")
  private @Nullable Integer requests;

  @Option(
      names = "--arrivals",
      paramLabel = "poisson|constant|gamma",
      defaultValue = "poisson",
      order = 54,
      description =
          "How the schedule spaces them: like independent users, evenly, or in bursts (default:"
              + " ${DEFAULT-VALUE}).")
  private Spacing arrivals = Spacing.POISSON;

  @Option(
      names = "--burstiness",
      paramLabel = "N",
      order = 55,
      description =
          "gamma: below 1 in bursts, 1 like poisson, above 1 more evenly (default: 0.25).")
  private @Nullable Double burstiness;

  @Option(
      names = "--ramp-to",
      paramLabel = "N",
      order = 56,
      description = "The rate grows or falls evenly from --rate to this one.")
  private @Nullable Double rampTo;

  @Option(
      names = "--mix",
      paramLabel = "CLASS=WEIGHT,…",
      order = 57,
      description = "Which requests (default: chat=60,rag=30,code=10).")
  private @Nullable String mix;

  @Option(
      names = "--load",
      paramLabel = "FILE",
      order = 58,
      description = "A YAML file of classes of your own: lengths, shared prefixes (docs/load.md).")
  private @Nullable Path mixFile;

  @Option(
      names = "--replay",
      paramLabel = "FILE",
      order = 59,
      description =
          "Instead of a mix: a requests.jsonl of ours, a Mooncake trace (both at their own times"
              + " unless --concurrency is given), or ShareGPT's JSON.")
  private @Nullable Path replay;

  @Option(
      names = "--replay-speed",
      paramLabel = "N",
      order = 60,
      description = "Times of a recording pass so many times as fast.")
  private @Nullable Double replaySpeed;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "42",
      order = 61,
      description = "The same seed sends the same bytes (default: ${DEFAULT-VALUE}).")
  private long seed = 42;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "5",
      order = 62,
      description = "Requests that are sent before and not measured (default: ${DEFAULT-VALUE}).")
  private int warmup = 5;

  @Option(
      names = "--endpoint",
      paramLabel = "completions|chat",
      defaultValue = "completions",
      order = 63,
      description = "Which of OpenAI's interfaces is asked (default: ${DEFAULT-VALUE}).")
  private Target.Endpoint endpoint = Target.Endpoint.COMPLETIONS;

  @Option(
      names = "--prompts",
      paramLabel = "ids|text",
      order = 64,
      description =
          "Prompts as token ids or as text (default: text where there is a tokenizer, and for"
              + " chat).")
  private @Nullable Prompts prompts;

  @Option(
      names = "--vocabulary",
      paramLabel = "N",
      order = 65,
      description = "How many token ids there are (default: the model's, else 1000).")
  private @Nullable Integer vocabulary;

  @Option(
      names = "--temperature",
      paramLabel = "N",
      defaultValue = "0",
      order = 66,
      description = "How random the answers are (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--ignore-eos",
      negatable = true,
      order = 67,
      description =
          "Have every answer as long as planned, by vLLM's ignore_eos (default: where the server is"
              + " a vLLM).")
  private @Nullable Boolean ignoreEos;

  @Option(
      names = "--request-timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      order = 68,
      description = "A request that takes longer has failed (default: ${DEFAULT-VALUE}).")
  private double requestTimeoutS = 600;

  @Option(
      names = "--goal",
      paramLabel = "GOAL",
      order = 69,
      description =
          "What a service promises, such as \"ttft_p99<500ms,tpot_p99<50ms\": ttft, tpot, itl, e2e"
              + " by mean, p50, p90, p95, p99, max; success>=99%%; of one class as rag.ttft_p99.")
  private @Nullable String goal;

  private @Nullable RequestSource source;

  /// How a schedule spaces requests.
  enum Spacing {
    POISSON,
    CONSTANT,
    GAMMA;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// What prompts are sent as.
  enum Prompts {
    IDS,
    TEXT;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// Refuses what makes no sense, before anything is started.
  ///
  /// @throws UserException with what is wrong
  void check() {
    require(rate > 0 && rate <= 1e6, "--rate is above 0");
    require(durationS > 0 && durationS <= 1e7, "--duration is above 0");
    require(
        concurrency == null || (concurrency >= 1 && concurrency <= 100_000),
        "--concurrency is from 1");
    require(
        requests == null || (requests >= 1 && requests <= MOST_REQUESTS), "--requests is from 1");
    require(burstiness == null || (burstiness > 0 && burstiness <= 1e6), "--burstiness is above 0");
    require(burstiness == null || arrivals == Spacing.GAMMA, "--burstiness needs --arrivals gamma");
    require(rampTo == null || (rampTo >= 0 && rampTo <= 1e6), "--ramp-to is from 0");
    require(
        rampTo == null || arrivals == Spacing.POISSON,
        "--ramp-to has arrivals of its own: leave out --arrivals");
    require(
        rampTo == null || concurrency == null, "--ramp-to and --concurrency exclude each other");
    require(
        replay == null || (mix == null && mixFile == null),
        "--replay takes the place of --mix and --load");
    require(
        replaySpeed == null || (replaySpeed > 0 && replaySpeed <= 1e6),
        "--replay-speed is above 0");
    require(replaySpeed == null || replay != null, "--replay-speed needs --replay");
    require(warmup >= 0 && warmup <= 10_000, "--warmup is from 0");
    require(
        vocabulary == null || (vocabulary >= 2 && vocabulary <= 100_000_000),
        "--vocabulary is from 2");
    require(temperature >= 0 && temperature <= 100, "--temperature is from 0");
    require(requestTimeoutS > 0 && requestTimeoutS <= 1e6, "--request-timeout is above 0");
    require(
        endpoint == Target.Endpoint.COMPLETIONS || prompts != Prompts.IDS,
        "the chat endpoint takes no token ids");
    goal();
    source();
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new UserException(ExitCode.USAGE, message, null);
    }
  }

  /// What the run is measured against.
  Goal goal() {
    return goal == null ? Goal.NONE : Goal.parse(goal);
  }

  double rate() {
    return rate;
  }

  double durationS() {
    return durationS;
  }

  /// Whether requests are sent at the rate: neither in a closed loop nor as a recording was.
  boolean hasRate() {
    return concurrency == null && rampTo == null && !isTimed();
  }

  private boolean isTimed() {
    return source() instanceof RequestSource.Recorded recorded && recorded.timed();
  }

  /// Whether prompts are to be written as text.
  ///
  /// @param tokenizer whether there is one
  boolean sendsText(boolean tokenizer) {
    return form(tokenizer) != PromptForm.TOKENS;
  }

  private PromptForm form(boolean tokenizer) {
    if (endpoint == Target.Endpoint.CHAT) {
      return PromptForm.CHAT;
    }
    boolean texts = source() instanceof RequestSource.Recorded recorded && !recorded.timed();
    boolean text = prompts == null ? tokenizer || texts : prompts == Prompts.TEXT;
    return text ? PromptForm.TEXT : PromptForm.TOKENS;
  }

  /// What a plan must know of the server.
  ///
  /// @param tokenizer null where there is none
  /// @param vocabulary how many token ids there are, 0 where unknown
  /// @param contextTokens longest sequence that it takes, 0 where unknown
  /// @param vllm whether it is one, and so knows what OpenAI's interface does not have
  record Server(@Nullable Tokenizer tokenizer, int vocabulary, int contextTokens, boolean vllm) {}

  /// The plan at the rate of the options.
  LoadPlan plan(Server server) throws InterruptedException {
    return plan(rate, server);
  }

  /// The plan at another rate: the same requests.
  LoadPlan plan(double atRate, Server server) throws InterruptedException {
    int ids =
        vocabulary != null
            ? vocabulary
            : server.vocabulary() > 0 ? server.vocabulary() : LoadPlanner.SAFE_VOCABULARY;
    LoadPlanner planner =
        new LoadPlanner(
            seed,
            form(server.tokenizer() != null),
            server.tokenizer(),
            ids,
            server.contextTokens(),
            warmup,
            new Sampling(temperature, ignoreEos == null ? server.vllm() : ignoreEos));
    return planner.plan(source(), timing(atRate));
  }

  private RequestSource source() {
    if (source == null) {
      if (replay != null) {
        source = Recording.read(replay, seed);
      } else {
        Mix classes = mixFile == null ? Mix.DEFAULT : MixFile.read(mixFile);
        source = new RequestSource.Mixed(mix == null ? classes : classes.weighted(mix));
      }
    }
    return source;
  }

  private Timing timing(double atRate) {
    long durationNs = (long) (durationS * 1e9);
    if (concurrency != null) {
      double likely = durationS * concurrency * PLANNED_PER_SLOT_AND_SECOND;
      int planned = (int) Math.clamp(likely, 1_000, MOST_PLANNED_UNASKED);
      return new Timing.WhenFree(concurrency, durationNs, requests == null ? planned : requests);
    }
    int most = requests == null ? MOST_REQUESTS : requests;
    if (isTimed()) {
      return new Timing.AsRecorded(replaySpeed == null ? 1 : replaySpeed, durationNs, most);
    }
    Arrivals times =
        rampTo != null
            ? new Arrivals.Ramp(atRate, rampTo)
            : switch (arrivals) {
              case POISSON -> new Arrivals.Poisson(atRate);
              case CONSTANT -> new Arrivals.Constant(atRate);
              case GAMMA -> new Arrivals.Gamma(atRate, burstiness == null ? 0.25 : burstiness);
            };
    return new Timing.Scheduled(times, durationNs, most);
  }

  /// Where it goes.
  ///
  /// @param vllm whether it is one, which can be asked for the id of each token
  Target target(
      URI url, String model, @Nullable String apiKey, boolean vllm, boolean anyCertificate) {
    return new Target(
        url,
        model,
        endpoint,
        apiKey,
        vllm,
        Duration.ofMillis((long) (requestTimeoutS * 1000)),
        Target.STALL_TIMEOUT,
        anyCertificate);
  }
}
