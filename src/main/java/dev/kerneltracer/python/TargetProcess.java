package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A process that is traced, under a supervisor of its own (`supervisor.py`). The line to the
/// supervisor is held open here: whatever becomes of this JVM, its end ends the whole session of
/// the target. Supervisor and target are started anew, or forked from a warm parent ([WarmStart]);
/// all else is the same.
public final class TargetProcess {
  /// After SIGTERM, before SIGKILL.
  public static final Duration GRACE = Duration.ofSeconds(5);

  /// For the supervisor to end and report what it was told to end.
  private static final Duration PATIENCE = GRACE.plusSeconds(15);

  private static final String GONE = "gone";

  private final SupervisorLine line;
  private final String mark;
  private final BlockingQueue<ProbeEvent> events = new LinkedBlockingQueue<>();
  private final Thread reader;

  TargetProcess(SupervisorLine line, String mark) {
    this.line = line;
    this.mark = mark;
    this.reader = Thread.ofPlatform().daemon().name("events of " + mark).start(this::readEvents);
  }

  /// Starts `python ARGUMENTS` with `environment` added to ours; its output goes to `log`.
  ///
  /// @throws UserException where the interpreter cannot be started
  public static TargetProcess start(
      Path python, Path probe, List<String> arguments, Map<String, String> environment, Path log) {
    String mark = newMark();
    List<String> command = new ArrayList<>(List.of(python.toString()));
    command.addAll(arguments);
    ProcessBuilder builder = supervised(python, probe, log.toString(), mark, command);
    builder.environment().putAll(environment);
    builder.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    return new TargetProcess(new SupervisorLine.Pipes(start(builder, python)), mark);
  }

  /// Runs any command (pip, uv) to its end, as a target is run: it cannot outlive this process.
  ///
  /// @param python runs the supervisor
  /// @param environment all of it: ours is not added
  /// @param lines told each line of output and errors, on another thread
  /// @throws InterruptedException when this thread was interrupted; the command is ended by then
  static ProcessEnd run(
      Path python,
      Path probe,
      List<String> command,
      Map<String, String> environment,
      Path directory,
      Consumer<String> lines)
      throws InterruptedException {
    String mark = newMark();
    ProcessBuilder builder = supervised(python, probe, "-", mark, command);
    builder.directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = start(builder, python);
    Thread output =
        Thread.ofPlatform().daemon().start(() -> readLines(process.getErrorStream(), lines));
    ProcessEnd end =
        new TargetProcess(new SupervisorLine.Pipes(process), mark)
            .await(Duration.ofDays(7), _ -> {});
    output.join(GRACE);
    return end;
  }

  /// What a process and all that it starts bear in their environment.
  static String newMark() {
    return UUID.randomUUID().toString();
  }

  private static ProcessBuilder supervised(
      Path python, Path probe, String log, String mark, List<String> command) {
    List<String> words = new ArrayList<>(List.of(python.toString(), "-I", "-S"));
    words.add(probe.resolve("kerneltracer_probe/supervisor.py").toString());
    words.addAll(List.of(log, mark, String.valueOf(GRACE.toSeconds()), "--"));
    words.addAll(command);
    return new ProcessBuilder(words);
  }

  static Process start(ProcessBuilder builder, Path python) {
    try {
      return builder.start();
    } catch (IOException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "cannot start " + python + ": " + e.getMessage(),
          "See kerneltracer env doctor.",
          e);
    }
  }

  /// Waits for the first event; null where the line ended before there was one.
  ///
  /// @throws InterruptedException when this thread was interrupted; nothing is left by then
  @Nullable ProbeEvent firstEvent() throws InterruptedException {
    try {
      ProbeEvent event = events.poll(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
      if (event == null || event.name().equals(GONE)) {
        lost();
        return null;
      }
      return event;
    } catch (InterruptedException e) {
      lost();
      throw e;
    }
  }

  /// Waits for the end, handing every event of the probe to `listener` on this thread.
  ///
  /// @throws InterruptedException when this thread was interrupted; the target is ended by then
  public ProcessEnd await(Duration timeout, Consumer<ProbeEvent> listener)
      throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    boolean timedOut = false;
    try {
      while (true) {
        ProbeEvent event = events.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        if (event == null) {
          if (timedOut) {
            return lost();
          }
          timedOut = true;
          line.stop();
          deadline = System.nanoTime() + PATIENCE.toNanos();
        } else if (event.name().equals("ended")) {
          return ended(event, timedOut);
        } else if (event.name().equals(GONE)) {
          return lost();
        } else {
          listener.accept(event);
        }
      }
    } catch (InterruptedException e) {
      line.stop();
      endUninterruptibly();
      throw e;
    }
  }

  /// Asks for the end of the target: SIGTERM, and SIGKILL to what is left after [#GRACE]. Who
  /// awaits it is told.
  public void stop() {
    line.stop();
  }

  private void endUninterruptibly() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    boolean interrupted = false;
    while (true) {
      try {
        if (!reader.join(Duration.ofNanos(deadline - System.nanoTime()))) {
          lost();
        }
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static ProcessEnd ended(ProbeEvent event, boolean timedOut) {
    return new ProcessEnd(
        number(event, "code"),
        number(event, "signal"),
        timedOut,
        event.fields().path("peak_rss_bytes").asLong(0),
        event.fields().path("least_available_bytes").asLong(0),
        event.fields().path("out_of_memory_kills").asLong(0),
        event.fields().path("stragglers").asInt(0));
  }

  private static @Nullable Integer number(ProbeEvent event, String field) {
    return event.fields().path(field).isNumber() ? event.fields().path(field).asInt() : null;
  }

  /// The supervisor is gone or deaf: what bears the mark in its environment is ended from here.
  private ProcessEnd lost() {
    line.cut();
    byte[] needle = ("KERNELTRACER_MARK=" + mark).getBytes(StandardCharsets.UTF_8);
    try (Stream<ProcessHandle> all = ProcessHandle.allProcesses()) {
      all.filter(process -> process.pid() != ProcessHandle.current().pid())
          .filter(process -> hasInEnvironment(process.pid(), needle))
          .forEach(ProcessHandle::destroyForcibly);
    }
    return ProcessEnd.unseen();
  }

  private static boolean hasInEnvironment(long pid, byte[] needle) {
    try {
      byte[] environment = Files.readAllBytes(Path.of("/proc", String.valueOf(pid), "environ"));
      String text = new String(environment, StandardCharsets.ISO_8859_1);
      return text.contains(new String(needle, StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      return false;
    }
  }

  /// The supervisor alone holds the other end, so the end of the line is its end.
  private void readEvents() {
    readLines(line.events(), text -> events.add(ProbeEvent.parse(text)));
    events.add(ProbeEvent.parse("{\"event\": \"" + GONE + "\"}"));
    line.cut();
  }

  static void readLines(InputStream stream, Consumer<String> taker) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) {
        taker.accept(text);
      }
    } catch (IOException e) {
      // The line ended with the process: its end is told apart elsewhere.
    }
  }
}
