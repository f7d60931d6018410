package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.live.WatchedSession;
import dev.kerneltracer.python.CacheDirectory;
import dev.kerneltracer.python.ProbeFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `watch`: runs a command that starts vLLM, with the probe in vLLM's processes. The program is the
/// user's: it has our terminal, outlives us, gets our signals, and its exit code is ours.
@Command(
    name = "watch",
    description = {
      "Run a command that starts vLLM and record its CUDA graphs, KV cache, scheduler, requests"
          + " and experts, with no change to vLLM or its environment.",
      "On a terminal the command's output scrolls above a live view; elsewhere it is left alone."
          + " The command gets the signals, and its exit code is this one's."
    },
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    parameterListHeading = "%nArguments:%n",
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer watch -- vllm serve org/name --tensor-parallel-size 4",
      "  kerneltracer watch --metrics-port 9108 -- vllm serve org/name",
      "  kerneltracer watch --attach /tmp/vllm_profiling",
      "  kerneltracer watch --track graphs,kv -o sessions -- python offline.py",
      "  eval \"$(kerneltracer watch --probe-env)\" && vllm serve org/name",
      "  docker run $(kerneltracer watch --probe-env=docker) IMAGE --model org/name"
    })
final class WatchCommand implements Callable<Integer> {
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd_HHmmss");

  /// What the command prints, where the view has the terminal.
  private static final String OUTPUT = "output.log";

  private static final List<String> TRACKS =
      List.of("graphs", "kv", "scheduler", "requests", "moe");

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description = "What to run, after --: vllm serve …, python -m vllm…, a script.")
  private List<String> command = new ArrayList<>();

  @Option(
      names = {"-o", "--output-dir"},
      paramLabel = "DIR",
      description =
          "Where sessions go (default: $VLLM_PROFILING_DIR, else vllm_profiling in TMPDIR).")
  private @Nullable Path outputDirectory;

  @Option(
      names = "--track",
      paramLabel = "NAME,…",
      description = "What to record: graphs, kv, scheduler, requests, moe (default: all).")
  private @Nullable String track;

  @Option(
      names = "--interval",
      paramLabel = "N",
      description =
          "Operations between the rows of sampled tables (default: $VLLM_PROFILING_LOG_INTERVAL,"
              + " else 100).")
  private @Nullable Integer interval;

  @Option(
      names = "--probe-path",
      paramLabel = "DIR",
      description = "Python files with hooks of your own, run in each of vLLM's processes.")
  private List<Path> probePath = new ArrayList<>();

  @Option(
      names = "--probe-env",
      paramLabel = "FORMAT",
      arity = "0..1",
      fallbackValue = "shell",
      description =
          "Run nothing: print the variables that load the probe, for a shell, or as =json,"
              + " =docker or =systemd. The probe then writes the tables itself.")
  private ProbeEnvironment.@Nullable Format probeEnvironment;

  @Option(
      names = "--attach",
      paramLabel = "SESSION_DIR",
      description =
          "Run nothing: look at a session that runs, or make tables and summary of one that is"
              + " over. Of a directory of sessions, the last.")
  private @Nullable Path attach;

  @Mixin private LiveOptions live = new LiveOptions();

  @Override
  public Integer call() throws InterruptedException {
    check();
    if (attach != null) {
      return AttachedSession.run(attach, live);
    }
    Path probe = ProbeFiles.unpack(CacheDirectory.of(System.getenv()).path());
    Path directory = directory();
    if (probeEnvironment != null) {
      System.out.print(environment(probe, directory, null).text(probeEnvironment, System.getenv()));
      return ExitCode.OK.code();
    }
    if (command.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "name the command to run: watch -- vllm serve org/name");
    }
    Path session = newSession(directory);
    return run(session, environment(probe, directory, session));
  }

  private void check() {
    if (track != null) {
      for (String name : track.split(",", -1)) {
        if (!TRACKS.contains(name.strip())) {
          throw new ParameterException(
              spec.commandLine(),
              "--track knows no '" + name + "': " + String.join(", ", TRACKS) + ".");
        }
      }
    }
    if (interval != null && interval < 1) {
      throw new ParameterException(spec.commandLine(), "--interval must be 1 or more");
    }
    if (attach != null && (!command.isEmpty() || probeEnvironment != null)) {
      throw new ParameterException(
          spec.commandLine(), "--attach runs nothing: it goes with no command and no --probe-env");
    }
    for (Path hooks : probePath) {
      if (!Files.isDirectory(hooks)) {
        throw new UserException(ExitCode.USAGE, "--probe-path " + hooks + " is no directory", null);
      }
    }
  }

  private Path directory() {
    Map<String, String> environment = System.getenv();
    String named = environment.getOrDefault("VLLM_PROFILING_DIR", "");
    String temporary = environment.getOrDefault("TMPDIR", "/tmp");
    Path chosen =
        outputDirectory != null
            ? outputDirectory
            : Path.of(named.isEmpty() ? temporary + "/vllm_profiling" : named);
    return chosen.toAbsolutePath().normalize();
  }

  private ProbeEnvironment environment(Path probe, Path directory, @Nullable Path session) {
    return new ProbeEnvironment(
        probe,
        directory,
        session,
        track == null ? null : track.replace(" ", ""),
        interval,
        probePath.stream().map(path -> path.toAbsolutePath().normalize()).toList());
  }

  /// A directory of its own; a taken name gets `_2`, `_3`, ….
  private static Path newSession(Path directory) {
    String name = "session_" + LocalDateTime.now(ZoneId.systemDefault()).format(STAMP);
    try {
      Files.createDirectories(directory);
      for (int number = 1; ; number++) {
        Path session = directory.resolve(number == 1 ? name : name + "_" + number);
        if (!Files.exists(session)) {
          return Files.createDirectory(session);
        }
      }
    } catch (IOException e) {
      throw new UserException(
          ExitCode.USAGE,
          "cannot make a session in " + directory + ": " + e.getMessage(),
          "Name another directory with --output-dir.",
          e);
    }
  }

  private int run(Path session, ProbeEnvironment environment) throws InterruptedException {
    System.err.println("kerneltracer: watching; session " + session);
    int exitCode;
    try (LiveSession watched = LiveSession.start(session, live, false, tableInterval());
        SignalForwarding signals = SignalForwarding.begin()) {
      Process program = start(session, environment, watched);
      signals.to(program);
      exitCode = program.waitFor();
    }
    tellEnd(session);
    return exitCode;
  }

  private long tableInterval() {
    return interval == null ? WatchedSession.interval(System.getenv()) : interval;
  }

  private Process start(Path session, ProbeEnvironment environment, LiveSession watched) {
    ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
    builder.environment().putAll(environment.variables(System.getenv()));
    if (watched.ownsTerminal()) {
      Path log = session.resolve(OUTPUT);
      builder.redirectErrorStream(true).redirectOutput(log.toFile());
      // What is printed shall be seen at once, as it would be on a terminal.
      builder.environment().putIfAbsent("PYTHONUNBUFFERED", "1");
      watched.showOutput(log);
    }
    try {
      return builder.start();
    } catch (IOException e) {
      deleteEmpty(session);
      throw new UserException(
          ExitCode.USAGE, "cannot start " + command.getFirst() + ": " + e.getMessage(), null, e);
    }
  }

  private static void tellEnd(Path session) {
    if (Files.exists(session.resolve("metadata.json"))) {
      System.err.println("kerneltracer: session " + session);
    } else if (deleteEmpty(session)) {
      System.err.println(
          "kerneltracer: nothing was recorded: no Python process of the command loaded vLLM's"
              + " plugins");
      System.err.println(
          "vLLM must be started by the command itself, and Python without -I or -E; in a"
              + " container or by a service manager: kerneltracer watch --probe-env.");
    } else {
      System.err.println("kerneltracer: no engine of vLLM started; session " + session);
    }
  }

  /// True where nothing had been recorded there.
  private static boolean deleteEmpty(Path session) {
    try (Stream<Path> files = Files.list(session)) {
      if (files.anyMatch(file -> !file.endsWith(OUTPUT))) {
        return false;
      }
      Files.deleteIfExists(session.resolve(OUTPUT));
      Files.delete(session);
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
