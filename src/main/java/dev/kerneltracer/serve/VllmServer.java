package dev.kerneltracer.serve;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.ProbeEvent;
import dev.kerneltracer.python.ProbeFiles;
import dev.kerneltracer.python.ProcessEnd;
import dev.kerneltracer.python.TargetProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A vLLM server of our own, from its start to its end, in a session of its own under a supervisor:
/// it ends with us, however we end.
public final class VllmServer implements AutoCloseable {
  public static final String LOG = "vllm_server.log";

  private static final String SPECIFICATION = "server.json";
  private static final Duration LIFETIME = Duration.ofDays(7);
  private static final long POLL_MILLIS = 200;
  private static final Duration FIRST_REQUEST = Duration.ofMinutes(5);
  // After SIGTERM and SIGKILL the supervisor may take this long to report.
  private static final Duration END = TargetProcess.GRACE.plusSeconds(25);
  private static final JsonMapper JSON = new JsonMapper();

  private final TargetProcess process;
  private final ServerConnection connection;
  private final ServerLog log;
  private final Path logFile;
  private final String modelName;
  private final Thread waiting;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile @Nullable ProcessEnd end;
  private volatile @Nullable ProbeEvent error;
  private volatile @Nullable JsonNode serving;
  private volatile String phase = "starting";
  private int maxModelLen;

  private VllmServer(TargetProcess process, URI url, Path logFile, String modelName) {
    this.process = process;
    this.connection = new ServerConnection(url, null);
    this.logFile = logFile;
    this.log = new ServerLog(logFile);
    this.modelName = modelName;
    this.waiting = Thread.ofPlatform().daemon().name("vLLM server").start(this::awaitEnd);
  }

  /// What the server was started as.
  ///
  /// @param vllm its version
  /// @param device `cpu` or `cuda`
  /// @param command its command line
  /// @param cudaGraphs whether they are on
  /// @param eager whether neither they nor torch.compile are
  /// @param profiler `profiler_config`, `environment` (vLLM 0.11 and 0.12) or `none`
  /// @param maxIterations steps after which a profile ends by itself; 0 where the version cannot
  /// @param modelDirectory where config.json lies
  /// @param tokenizer whether the server has one
  /// @param vocabulary of the model, 0 where unknown
  /// @param trustRemoteCode whether Python code that the model brings along may run
  public record Facts(
      String vllm,
      String device,
      List<String> command,
      boolean cudaGraphs,
      boolean eager,
      String profiler,
      int maxIterations,
      String modelDirectory,
      boolean tokenizer,
      int vocabulary,
      boolean trustRemoteCode) {}

  /// Starts a server; returns at once.
  ///
  /// @param probe the directory of the probe's files
  /// @param directory where its log and a changed config.json are written
  /// @throws UserException where the port is taken, or Python cannot be started
  public static VllmServer start(
      Interpreter python, Path probe, ServerSettings settings, Path directory) {
    int port = freePort(settings.host(), settings.port());
    Path specification = directory.resolve(SPECIFICATION);
    AtomicFile.writeString(specification, settings.specification(port).toPrettyString() + "\n");
    Path log = directory.resolve(LOG);
    TargetProcess process =
        TargetProcess.start(
            python.executable(),
            probe,
            List.of(probe.resolve("run_probe.py").toString(), specification.toString()),
            ProbeFiles.environment(python, probe),
            log);
    String host = settings.host().equals("0.0.0.0") ? "127.0.0.1" : settings.host();
    return new VllmServer(
        process, URI.create("http://" + host + ":" + port), log, settings.modelName());
  }

  private static int freePort(String host, int wanted) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getByName(host), wanted));
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "port " + wanted + " of " + host + " cannot be had: " + AtomicFile.reason(e),
          "Leave out --port for a free one, or see who has it: kerneltracer env doctor --port "
              + wanted,
          e);
    }
  }

  private void awaitEnd() {
    try {
      end = process.await(LIFETIME, this::hear);
    } catch (InterruptedException e) {
      // Told to give up on the supervisor: nothing is left by then.
    } finally {
      ended.countDown();
    }
  }

  private void hear(ProbeEvent event) {
    switch (event.name()) {
      case "phase" -> phase = event.text("phase");
      case "error" -> error = event;
      case "serving" -> serving = event.fields();
      default -> {
        // Events of jobs.
      }
    }
  }

  /// Waits until the server is healthy and has answered a first real request.
  ///
  /// @throws UserException with the reason where it ends before, or is not ready within `limit`
  public void awaitReady(Duration limit, Consumer<String> progress) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (true) {
      log.read();
      if (died() != null) {
        throw failure("the vLLM server did not start: ");
      }
      progress.accept(serving == null ? phase + " vLLM" : log.stage());
      if (serving != null
          && connection.get("/health", Duration.ofSeconds(5)).isOk()
          && answers(progress)) {
        return;
      }
      if (System.nanoTime() > deadline) {
        throw new UserException(
            ExitCode.JOBS_FAILED,
            "the vLLM server was not ready after "
                + limit.toSeconds()
                + " s: "
                + (serving == null ? phase : log.stage()),
            "Allow more by --startup-timeout; its log is " + logFile + ".");
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  private boolean answers(Consumer<String> progress) throws InterruptedException {
    progress.accept("first request");
    ServerConnection.Model model = connection.model();
    maxModelLen = model.maxModelLen();
    String body =
        JSON.createObjectNode()
            .put("model", modelName)
            .put("max_tokens", 1)
            .put("temperature", 0)
            .set("prompt", JSON.createArrayNode().add(1).add(2).add(3))
            .toString();
    ServerConnection.Answer answer = connection.post("/v1/completions", body, FIRST_REQUEST);
    if (answer.status() / 100 == 4) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "the vLLM server refuses its first request ("
              + answer.status()
              + "): "
              + oneLine(answer.body()),
          "Its log is " + logFile + ".");
    }
    return answer.isOk();
  }

  private static String oneLine(String text) {
    String line = text.replaceAll("\\s+", " ").strip();
    return line.length() > 300 ? line.substring(0, 300) + "…" : line;
  }

  /// Why the server is no more; null while it lives.
  public @Nullable String died() {
    if (ended.getCount() > 0) {
      return null;
    }
    log.read();
    ProbeEvent reported = error;
    if (reported != null) {
      return oneLine(reported.text("message"));
    }
    ServerFault fault = log.fault();
    if (fault != null) {
      return fault.text();
    }
    ProcessEnd how = end;
    if (how != null && how.signal() != null) {
      return "ended by signal " + how.signal();
    }
    return how != null && how.exitCode() != null
        ? "ended with exit code " + how.exitCode() + " and no word why"
        : "killed";
  }

  /// What the log says went wrong in a server that may still live; null where it says nothing.
  public @Nullable ServerFault fault() {
    log.read();
    return log.fault();
  }

  private UserException failure(String what) {
    ProbeEvent reported = error;
    ServerFault fault = log.fault();
    boolean usage =
        reported != null && List.of("usage", "environment").contains(reported.text("kind"));
    ExitCode code =
        !usage || reported == null
            ? ExitCode.JOBS_FAILED
            : reported.text("kind").equals("usage") ? ExitCode.USAGE : ExitCode.ENVIRONMENT;
    String hint =
        reported == null && fault != null
            ? fault.kind().hint() + " Its log is " + logFile + "."
            : "Its log is " + logFile + ".";
    return new UserException(code, (usage ? "" : what) + died(), usage ? null : hint);
  }

  public ServerConnection connection() {
    return connection;
  }

  public URI url() {
    return connection.url();
  }

  /// The name by which requests call the model.
  public String modelName() {
    return modelName;
  }

  /// The longest sequence in tokens, known once it is ready; 0 where the server does not say.
  public int maxModelLen() {
    return maxModelLen;
  }

  /// Where its log lies.
  public Path log() {
    return logFile;
  }

  /// What it was started as, known once it is ready.
  public Facts facts() {
    JsonNode told = serving;
    if (told == null) {
      throw new IllegalStateException("not ready");
    }
    return new Facts(
        told.path("vllm").asString(""),
        told.path("device").asString(""),
        told.path("command").valueStream().map(word -> word.asString("")).toList(),
        told.path("cuda_graphs").asBoolean(false),
        told.path("eager").asBoolean(false),
        told.path("profiler").asString("none"),
        told.path("max_iterations").asInt(0),
        told.path("model").asString(""),
        told.path("tokenizer").asBoolean(false),
        told.path("vocabulary").asInt(0),
        told.path("trust_remote_code").asBoolean(false));
  }

  /// Ends the server: SIGTERM, and SIGKILL to what is left. Nothing of it is left then. An
  /// interrupt does not keep it from that.
  @Override
  public void close() {
    connection.close();
    process.stop();
    boolean interrupted = Thread.interrupted();
    long deadline = System.nanoTime() + END.toNanos();
    while (ended.getCount() > 0 && System.nanoTime() < deadline) {
      try {
        if (ended.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          break;
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (ended.getCount() > 0) {
      waiting.interrupt();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
