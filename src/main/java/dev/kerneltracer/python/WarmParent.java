package dev.kerneltracer.python;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A Python that has imported what every job imports (`warm.py`), and forks a supervisor with its
/// target for each that asks. It ends when this JVM ends, however that happens; the targets have
/// lines of their own.
final class WarmParent implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  /// As long as a mark: the value that the forks write over.
  private static final String NO_MARK = "0".repeat(TargetProcess.newMark().length());

  private final Path directory;
  private final Process process;
  private final BlockingQueue<ProbeEvent> events = new LinkedBlockingQueue<>();

  private WarmParent(Path directory, Process process) {
    this.directory = directory;
    this.process = process;
    Thread.ofPlatform().daemon().name("warm parent").start(this::readEvents);
  }

  /// Starts one; whether it serves is for [#awaitReady] to say.
  ///
  /// @throws IOException where it has no place for its socket
  static WarmParent start(Path python, Path probe, Map<String, String> environment)
      throws IOException {
    // Its name must be short: a socket's path has at most 107 bytes.
    Path directory = Files.createTempDirectory("kerneltracer");
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                python.toString(),
                probe.resolve("run_probe.py").toString(),
                "--warm",
                directory.resolve("socket").toString()));
    builder.environment().putAll(environment);
    builder.environment().put("KERNELTRACER_MARK", NO_MARK);
    builder.redirectError(directory.resolve("log").toFile());
    try {
      return new WarmParent(directory, TargetProcess.start(builder, python));
    } catch (RuntimeException e) {
      DirectoryTree.delete(directory);
      throw e;
    }
  }

  /// Whether it can fork.
  ///
  /// @param reason why it never will; null where it is ready, or was merely killed
  record Readiness(boolean ready, @Nullable String reason) {}

  Readiness awaitReady(Duration patience) throws InterruptedException {
    ProbeEvent event = events.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
    if (event == null) {
      return new Readiness(false, "the imports took more than " + patience.toSeconds() + " s");
    }
    return switch (event.name()) {
      case "ready" -> new Readiness(true, null);
      case "unfit" -> new Readiness(false, event.text("reason"));
      default -> new Readiness(false, null);
    };
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /// Asks for a target; null where there is nobody to ask.
  ///
  /// @param arguments what `python` would be given
  /// @param changes added to the environment of this warm parent
  @Nullable TargetProcess fork(List<String> arguments, Map<String, String> changes, Path log)
      throws InterruptedException {
    String mark = TargetProcess.newMark();
    ObjectNode request = JSON.createObjectNode();
    ArrayNode words = request.putArray("arguments");
    arguments.forEach(words::add);
    request.put("log", log.toAbsolutePath().toString());
    request.put("mark", mark);
    request.put("grace", TargetProcess.GRACE.toSeconds());
    ObjectNode environment = request.putObject("environment");
    changes.forEach(environment::put);
    SocketChannel channel = null;
    try {
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(UnixDomainSocketAddress.of(directory.resolve("socket")));
      ByteBuffer line = ByteBuffer.wrap((request + "\n").getBytes(StandardCharsets.UTF_8));
      while (line.hasRemaining()) {
        channel.write(line);
      }
      return new TargetProcess(new SupervisorLine.Socket(channel), mark);
    } catch (ClosedByInterruptException e) {
      Thread.interrupted();
      throw new InterruptedException();
    } catch (IOException e) {
      if (channel != null) {
        new SupervisorLine.Socket(channel).cut();
      }
      return null;
    }
  }

  private void readEvents() {
    TargetProcess.readLines(process.getInputStream(), line -> events.add(ProbeEvent.parse(line)));
    events.add(ProbeEvent.parse("{\"event\": \"gone\"}"));
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      DirectoryTree.delete(directory);
    } catch (IOException e) {
      // An empty socket in the directory for temporary files.
    }
  }
}
