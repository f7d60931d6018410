package dev.kerneltracer.serve;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.RequestResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A load on a server with the profiler's windows in it, and loads shaped for a phase after it.
public final class ProfileRun {
  private static final long POLL_MILLIS = 200;
  private static final long SOON_MILLIS = 20;
  private static final int MOST_CONCURRENT = 64;
  private static final int FEW_CONCURRENT = 8;
  private static final Duration ALL_DECODE = Duration.ofMinutes(2);

  private final ServerConnection connection;
  private final LoadSender sender;
  private final Settings settings;
  private final Supplier<@Nullable String> died;
  private final Consumer<String> progress;
  private final List<WindowResult> windows = new ArrayList<>();
  private final List<ServerState> states = new ArrayList<>();

  /// What is to be done.
  ///
  /// @param windows of the load as it is, in the order of their times
  /// @param phases windows with a load of their own, after it
  /// @param traceDirectory where the server's traces appear; null where that cannot be seen
  /// @param stopLimit how long stopping the profiler and writing may take
  /// @param vocabulary how many token ids there are, 0 where unknown
  /// @param contextTokens longest sequence of the server, 0 where unknown
  public record Settings(
      LoadPlan plan,
      List<ProfileWindow> windows,
      List<ProfileWindow> phases,
      int vocabulary,
      @Nullable Path traceDirectory,
      Duration stopLimit,
      int contextTokens) {}

  /// What came of it.
  ///
  /// @param run how the load went; null where nothing could be sent
  /// @param loadFailure why nothing could be sent; null where something was
  /// @param died why the server is no more; null where it lived to the end
  /// @param zeroNanoTime the zero of all times
  public record Result(
      List<WindowResult> windows,
      List<ServerState> states,
      @Nullable LoadRun run,
      @Nullable RuntimeException loadFailure,
      @Nullable String died,
      boolean interrupted,
      long zeroNanoTime) {
    public Result {
      windows = List.copyOf(windows);
      states = List.copyOf(states);
    }
  }

  /// Makes a run.
  ///
  /// @param died why the server is no more; null while it lives or nobody knows
  public ProfileRun(
      ServerConnection connection,
      LoadSender sender,
      Settings settings,
      Supplier<@Nullable String> died,
      Consumer<String> progress) {
    this.connection = connection;
    this.sender = sender;
    this.settings = settings;
    this.died = died;
    this.progress = progress;
  }

  /// Runs it. An interrupt ends it early, with what there is by then.
  ///
  /// @param ended told of each request of the plan, by any thread
  public Result run(Consumer<RequestResult> ended) {
    boolean interrupted = false;
    long zero = System.nanoTime();
    SentLoad load = SentLoad.start(sender, settings.plan(), ended);
    try (load) {
      progress.accept("warming up");
      try {
        zero = load.zeroNanoTime();
        ServerMetrics metrics = ServerMetrics.start(connection, zero);
        try (metrics) {
          alongside(load, zero);
        } finally {
          states.addAll(metrics.states());
        }
        if (load.failure() == null && died.get() == null) {
          shaped(zero);
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    return new Result(windows, states, load.run(), load.failure(), died.get(), interrupted, zero);
  }

  private Profiler profiler(long zero) {
    return new Profiler(
        connection, settings.traceDirectory(), settings.stopLimit(), zero, died, progress);
  }

  /// The windows of the load, then its rest.
  private void alongside(SentLoad load, long zero) throws InterruptedException {
    Profiler profiler = profiler(zero);
    for (ProfileWindow window : settings.windows()) {
      while (!load.hasEnded()
          && died.get() == null
          && System.nanoTime() - zero < window.after().toNanos()) {
        tell(load, zero);
        load.awaitEnd(POLL_MILLIS);
      }
      if (died.get() != null) {
        windows.add(
            never(window, WindowResult.Outcome.ENGINE_DIED, "the server died: " + died.get()));
      } else if (load.hasEnded()) {
        windows.add(never(window, WindowResult.Outcome.NOT_REACHED, "the load ended before it"));
      } else if (profiler.isLost()) {
        windows.add(lost(window));
      } else {
        windows.add(profiler.record(window, load::hasEnded));
      }
    }
    while (!load.hasEnded() && died.get() == null) {
      tell(load, zero);
      load.awaitEnd(POLL_MILLIS);
    }
  }

  private void tell(SentLoad load, long zero) {
    progress.accept(
        load.done()
            + " of "
            + settings.plan().requests().size()
            + " requests, "
            + (System.nanoTime() - zero) / 1_000_000_000
            + " s");
  }

  private WindowResult lost(ProfileWindow window) {
    WindowResult before = windows.getLast();
    return never(window, before.outcome(), before.problem());
  }

  private static WindowResult never(
      ProfileWindow window, WindowResult.Outcome outcome, String problem) {
    return new WindowResult(window, -1, -1, -1, -1, -1, outcome, problem, List.of());
  }

  /// Windows by phase, each with a load of its own.
  private void shaped(long zero) throws InterruptedException {
    int number = 0;
    for (ProfileWindow window : settings.phases()) {
      if (!windows.isEmpty() && isLost(windows.getLast())) {
        windows.add(lost(window));
        continue;
      }
      LoadPlan like = ShapedLoad.fresh(settings.plan(), ++number, settings.vocabulary());
      int concurrency = concurrency();
      boolean decode = window.phase() == ProfileWindow.Phase.DECODE;
      LoadPlan plan =
          decode
              ? ShapedLoad.decode(like, concurrency, window.steps(), settings.contextTokens())
              : ShapedLoad.prefill(like, concurrency, window.steps(), settings.vocabulary());
      try (SentLoad load = SentLoad.start(sender, plan, _ -> {})) {
        load.zeroNanoTime();
        if (decode) {
          awaitDecode(window, load, plan.requests().size(), zero);
        } else {
          awaitBusy(window, load, zero);
        }
        windows.add(profiler(zero).record(window, load::hasEnded));
      }
    }
  }

  private static boolean isLost(WindowResult window) {
    return switch (window.outcome()) {
      case RECORDED, NOT_REACHED -> false;
      case NO_PROFILER, NOT_STARTED, NOT_STOPPED, ENGINE_DIED -> true;
    };
  }

  /// As many at once as the load had, on average.
  private int concurrency() {
    double running =
        states.stream()
            .mapToDouble(ServerState::running)
            .filter(each -> each > 0)
            .average()
            .orElse(FEW_CONCURRENT);
    return (int) Math.max(1, Math.min(MOST_CONCURRENT, Math.round(running)));
  }

  /// Until all requests are past their prompts: all run, none waits, and no prompt's tokens come.
  private void awaitDecode(ProfileWindow window, SentLoad load, int requests, long zero)
      throws InterruptedException {
    long deadline = System.nanoTime() + ALL_DECODE.toNanos();
    ServerState before = null;
    while (System.nanoTime() < deadline && !load.hasEnded() && died.get() == null) {
      ServerState now = ServerMetrics.state(connection, zero);
      if (now != null) {
        if (before != null
            && now.running() >= requests
            && now.waiting() == 0
            && now.promptTokens() == before.promptTokens()
            && now.generationTokens() > before.generationTokens()) {
          return;
        }
        progress.accept(
            "window " + window.name() + ": " + (long) now.running() + "/" + requests + " decode");
      }
      before = now;
      load.awaitEnd(SOON_MILLIS);
    }
  }

  private void awaitBusy(ProfileWindow window, SentLoad load, long zero)
      throws InterruptedException {
    long deadline = System.nanoTime() + ALL_DECODE.toNanos();
    while (System.nanoTime() < deadline && !load.hasEnded() && died.get() == null) {
      ServerState now = ServerMetrics.state(connection, zero);
      if (now != null && (now.running() > 0 || load.done() > 0)) {
        return;
      }
      progress.accept("window " + window.name() + ": waiting for its load");
      load.awaitEnd(POLL_MILLIS / 2);
    }
  }
}
