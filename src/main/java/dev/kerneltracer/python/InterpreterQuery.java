package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Asks a Python what it is. It is run just as a target will be (PYTHONPATH, the user's site and
/// `sitecustomize` count, so no `-I`), save that the current directory is not searched.
final class InterpreterQuery {
  private static final String MARK = "kerneltracer:";
  private static final JsonMapper JSON = new JsonMapper();

  /// The reply: an interpreter, or why there is none.
  sealed interface Reply {
    record Answered(Interpreter interpreter) implements Reply {}

    /// No interpreter that can be used.
    ///
    /// @param slow it might still work, but did not answer in time
    record Failed(String reason, boolean slow) implements Reply {}
  }

  /// The packages that the reply names, where they are installed.
  static final Set<String> PACKAGES =
      Set.of(
          "torch",
          "transformers",
          "vllm",
          "numpy",
          "triton",
          "tokenizers",
          "safetensors",
          "accelerate",
          "huggingface-hub",
          "pip");

  private final Map<String, String> environment;
  private final Duration limit;

  InterpreterQuery(Map<String, String> environment, Duration limit) {
    this.environment = environment;
    this.limit = limit;
  }

  Reply ask(Path executable, Origin origin) {
    if (!Files.exists(executable)) {
      return new Reply.Failed("does not exist", false);
    }
    if (!Files.isRegularFile(executable) || !Files.isExecutable(executable)) {
      return new Reply.Failed("is not an executable file", false);
    }
    TimedCommand.Answer answer;
    try {
      answer =
          TimedCommand.run(
              List.of(executable.toString(), "-c", PythonScript.DESCRIBE.text()),
              environment,
              limit);
    } catch (IOException e) {
      return new Reply.Failed("cannot be run: " + AtomicFile.reason(e), false);
    }
    if (answer.timedOut()) {
      return new Reply.Failed("did not answer within " + limit.toSeconds() + " s", true);
    }
    String line =
        answer.output().lines().filter(l -> l.startsWith(MARK)).reduce("", (_, last) -> last);
    if (line.isEmpty()) {
      String error = answer.lastError();
      return new Reply.Failed(
          "does not work: " + (error.isEmpty() ? "exit code " + answer.exitCode() : error), false);
    }
    try {
      return new Reply.Answered(
          interpreter(executable, origin, JSON.readTree(line.substring(MARK.length()))));
    } catch (JacksonException e) {
      return new Reply.Failed("gave no answer that can be read", false);
    }
  }

  private static Interpreter interpreter(Path asked, Origin origin, JsonNode answer) {
    Map<String, String> packages = new TreeMap<>();
    answer.path("packages").forEachEntry((name, version) -> packages.put(name, version.asString()));
    return new Interpreter(
        withoutShim(asked, answer.path("executable").asString("")),
        origin,
        answer.path("python").asString(""),
        answer.path("implementation").asString(""),
        answer.path("makes_environments").asBoolean(false),
        packages);
  }

  /// pyenv's and asdf's shims choose by the current directory, which is another one for a job; any
  /// other wrapper script stays, since it may set up the environment.
  private static Path withoutShim(Path asked, String executable) {
    boolean shim = asked.getParent() != null && asked.getParent().endsWith("shims");
    return shim && executable.startsWith("/") ? Path.of(executable) : asked;
  }
}
