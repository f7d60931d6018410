package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
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

/// A process that is traced, under a supervisor of its own (`supervisor.py`). The supervisor's
/// standard input is held open here: whatever becomes of this JVM, end of file there ends the whole
/// session of the target.
public final class TargetProcess {
  /// After SIGTERM, before SIGKILL.
  public static final Duration GRACE = Duration.ofSeconds(5);

  /// For the supervisor to end and report what it was told to end.
  private static final Duration PATIENCE = GRACE.plusSeconds(15);

  private static final String GONE = "gone";

  private final Process supervisor;
  private final String mark;
  private final BlockingQueue<ProbeEvent> events = new LinkedBlockingQueue<>();

  private TargetProcess(Process supervisor, String mark) {
    this.supervisor = supervisor;
    this.mark = mark;
    Thread.ofPlatform().daemon().name("events of " + mark).start(this::readEvents);
    // A child of the target may keep the pipe open: the supervisor's end counts, not the pipe's.
    Thread.ofPlatform().daemon().name("end of " + mark).start(this::awaitSupervisor);
  }

  /// Starts `python ARGUMENTS` with `environment` added to ours; its output goes to `log`.
  ///
  /// @throws UserException where the interpreter cannot be started
  public static TargetProcess start(
      Path python, Path probe, List<String> arguments, Map<String, String> environment, Path log) {
    String mark = UUID.randomUUID().toString();
    List<String> command = new ArrayList<>(List.of(python.toString()));
    command.addAll(arguments);
    ProcessBuilder builder = supervised(python, probe, log.toString(), mark, command);
    builder.environment().putAll(environment);
    builder.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    return new TargetProcess(start(builder, python), mark);
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
    String mark = UUID.randomUUID().toString();
    ProcessBuilder builder = supervised(python, probe, "-", mark, command);
    builder.directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = start(builder, python);
    Thread output =
        Thread.ofPlatform().daemon().start(() -> readLines(process.getErrorStream(), lines));
    ProcessEnd end = new TargetProcess(process, mark).await(Duration.ofDays(7), _ -> {});
    output.join(GRACE);
    return end;
  }

  private static ProcessBuilder supervised(
      Path python, Path probe, String log, String mark, List<String> command) {
    List<String> words = new ArrayList<>(List.of(python.toString(), "-I", "-S"));
    words.add(probe.resolve("kerneltracer_probe/supervisor.py").toString());
    words.addAll(List.of(log, mark, String.valueOf(GRACE.toSeconds()), "--"));
    words.addAll(command);
    return new ProcessBuilder(words);
  }

  private static Process start(ProcessBuilder builder, Path python) {
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
          stop();
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
      stop();
      endUninterruptibly();
      throw e;
    }
  }

  private void stop() {
    try {
      OutputStream in = supervisor.getOutputStream();
      in.write("stop\n".getBytes(StandardCharsets.UTF_8));
      in.flush();
    } catch (IOException e) {
      // The supervisor has ended: its last event tells.
    }
  }

  private void endUninterruptibly() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    boolean interrupted = false;
    while (true) {
      try {
        if (!supervisor.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
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
    supervisor.destroyForcibly();
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

  private void readEvents() {
    readLines(supervisor.getInputStream(), line -> events.add(ProbeEvent.parse(line)));
  }

  private static void readLines(InputStream stream, Consumer<String> taker) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        taker.accept(line);
      }
    } catch (IOException e) {
      // The pipe ended with the process: its end is told apart elsewhere.
    }
  }

  /// Tells the waiting thread that no `ended` will come, after a moment in which it still may.
  private void awaitSupervisor() {
    try {
      supervisor.waitFor();
      Thread.sleep(500);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    events.add(ProbeEvent.parse("{\"event\": \"" + GONE + "\"}"));
  }
}
