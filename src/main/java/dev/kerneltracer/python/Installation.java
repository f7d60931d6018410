package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Fills one new environment from a lock: with `uv` where it is on PATH, else with `venv` and pip.
/// Both are the plain clients with the user's environment, so that an index, certificates, a proxy
/// or a cache that the user has set for them is used. Where uv fails, pip has a try: a company's
/// index is often set for pip alone.
final class Installation {
  /// These would put the packages elsewhere or want other versions than the lock's.
  private static final List<String> NOT_PASSED_ON =
      List.of(
          "PYTHONPATH",
          "PYTHONHOME",
          "PYTHONSTARTUP",
          "VIRTUAL_ENV",
          "CONDA_PREFIX",
          "PIP_TARGET",
          "PIP_PREFIX",
          "PIP_ROOT",
          "PIP_USER",
          "PIP_PYTHON",
          "PIP_DRY_RUN",
          "PIP_CONSTRAINT",
          "PIP_REQUIREMENT",
          "PIP_EDITABLE",
          "UV_CONSTRAINT",
          "UV_OVERRIDE",
          "UV_EXCLUDE_NEWER",
          "UV_PYTHON",
          "UV_SYSTEM_PYTHON",
          "UV_TARGET",
          "UV_PREFIX");

  private static final int TAIL_LINES = 50;
  private static final String FULL = "No space left on device";

  private final PackageLock lock;
  private final Interpreter base;
  private final @Nullable Path uv;
  private final Map<String, String> environment;
  private final Path probe;
  private final Path log;
  private final Consumer<String> progress;
  private final Deque<String> tail = new ArrayDeque<>();

  Installation(
      PackageLock lock,
      Interpreter base,
      @Nullable Path uv,
      Map<String, String> environment,
      Path probe,
      Path log,
      Consumer<String> progress) {
    this.lock = lock;
    this.base = base;
    this.uv = uv;
    this.environment = new HashMap<>(environment);
    this.probe = probe;
    this.log = log;
    this.progress = progress;
    NOT_PASSED_ON.forEach(this.environment::remove);
    this.environment.put("PYTHONNOUSERSITE", "1");
    this.environment.put("PYTHONUNBUFFERED", "1");
  }

  /// Makes the environment in `directory`, which does not exist yet, and returns the client's name.
  ///
  /// @param temporary an empty directory on the same disk; downloads of gigabytes go there instead
  ///   of to a small `/tmp`, unless the user has chosen a TMPDIR
  String into(Path directory, Path temporary) throws IOException, InterruptedException {
    if (environment.getOrDefault("TMPDIR", "").isBlank()) {
      environment.put("TMPDIR", temporary.toString());
    }
    Path requirements = temporary.resolve("requirements.txt");
    Files.writeString(requirements, lock.text());
    try (BufferedWriter out = Files.newBufferedWriter(log)) {
      if (uv != null) {
        if (withUv(uv, directory, requirements, temporary, out)) {
          return "uv";
        }
        if (isDiskFull() || !base.makesEnvironments()) {
          throw failure();
        }
        progress.accept("uv failed, trying pip");
        DirectoryTree.delete(directory);
      }
      if (withPip(directory, requirements, temporary, out)) {
        return "pip";
      }
      throw failure();
    }
  }

  private boolean withUv(
      Path program, Path directory, Path requirements, Path temporary, BufferedWriter out)
      throws IOException, InterruptedException {
    progress.accept("with uv and Python " + base.version());
    List<String> create =
        List.of(
            program.toString(),
            "venv",
            "--no-project",
            "--python",
            base.executable().toString(),
            directory.toString());
    List<String> install =
        List.of(
            program.toString(),
            "pip",
            "install",
            "--python",
            directory.resolve("bin/python").toString(),
            "--no-deps",
            "--compile-bytecode",
            "-r",
            requirements.toString());
    return run(create, temporary, out) && install(install, temporary, out);
  }

  private boolean withPip(Path directory, Path requirements, Path temporary, BufferedWriter out)
      throws IOException, InterruptedException {
    progress.accept("with pip and Python " + base.version());
    String python = directory.resolve("bin/python").toString();
    List<String> create =
        List.of(base.executable().toString(), "-m", "venv", "--without-pip", directory.toString());
    // Not left to venv, which keeps the words of an error to itself.
    List<String> addPip = List.of(python, "-I", "-m", "ensurepip", "--upgrade", "--default-pip");
    // Every package is in the lock, so there is nothing to resolve.
    List<String> install =
        List.of(
            python,
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-input",
            "--no-user",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "-r",
            requirements.toString());
    return run(create, temporary, out)
        && run(addPip, temporary, out)
        && install(install, temporary, out);
  }

  private boolean run(List<String> command, Path directory, BufferedWriter out)
      throws IOException, InterruptedException {
    return run(command, directory, out, _ -> {});
  }

  private boolean install(List<String> command, Path directory, BufferedWriter out)
      throws IOException, InterruptedException {
    InstallProgress steps = new InstallProgress(lock.requirements().size());
    return run(
        command,
        directory,
        out,
        line -> {
          String text = steps.line(line);
          if (text != null) {
            progress.accept(text);
          }
        });
  }

  private boolean run(
      List<String> command, Path directory, BufferedWriter out, Consumer<String> lines)
      throws IOException, InterruptedException {
    keep("$ " + String.join(" ", command), out);
    ProcessEnd end =
        TargetProcess.run(
            base.executable(),
            probe,
            command,
            environment,
            directory,
            line -> {
              lines.accept(line);
              keep(line, out);
            });
    if (!end.succeeded()) {
      keep(end.exitCode() == null ? "killed" : "exit code " + end.exitCode(), out);
    }
    return end.succeeded();
  }

  private synchronized void keep(String line, BufferedWriter out) {
    tail.addLast(line);
    if (tail.size() > TAIL_LINES) {
      tail.removeFirst();
    }
    try {
      out.write(line);
      out.newLine();
      out.flush();
    } catch (IOException e) {
      // A full disk: what counts is in the tail, and the installer must not block on its pipe.
    }
  }

  private boolean isDiskFull() {
    return tail.stream().anyMatch(l -> l.contains(FULL) || l.contains("Disk quota exceeded"));
  }

  private UserException failure() {
    return new UserException(
        ExitCode.ENVIRONMENT,
        "cannot make the environment " + lock.name() + ": " + reason(),
        advice() + "The whole log: " + log);
  }

  /// What pip or uv called the error; of several the last, which names the package.
  private String reason() {
    if (isDiskFull()) {
      return "no space left on device";
    }
    List<String> lines = new ArrayList<>(tail);
    String found = "";
    for (String line : lines) {
      String text = line.strip();
      if (text.startsWith("ERROR:") || text.startsWith("error:") || text.startsWith("Error:")) {
        found = text.substring(text.indexOf(':') + 1).strip();
      } else if (text.startsWith("Caused by:") || text.startsWith("cause:")) {
        found = text;
      } else if (text.startsWith("× ")) {
        found = text.substring(2);
      }
    }
    if (found.isEmpty()) {
      found =
          lines.stream()
              .filter(l -> !l.isBlank() && !l.startsWith("$ ") && !l.startsWith("exit code"))
              .reduce(lines.isEmpty() ? "no output" : lines.getLast(), (_, last) -> last)
              .strip();
    }
    found = found.replaceAll(" \\(from -r [^)]*\\)+", "");
    return found.length() > 300 ? found.substring(0, 300) + " …" : found;
  }

  private String advice() {
    if (isDiskFull()) {
      return "Free some space, or set KERNELTRACER_CACHE to a directory on a larger disk. ";
    }
    boolean network =
        tail.stream()
            .anyMatch(l ->
                l.contains("Max retries")
                    || l.contains("NewConnectionError")
                    || l.contains("dns error")
                    || l.contains("Name or service not known")
                    || l.contains("Temporary failure in name resolution")
                    || l.contains("SSLError")
                    || l.contains("certificate")
                    || l.contains("ProxyError")
                    || l.contains("timed out")
                    || l.contains("No matching distribution")
                    || l.contains("error sending request"));
    return network
        ? "Check the network, or pip's index and proxy (pip config list; PIP_INDEX_URL, HTTPS_PROXY). "
        : "";
  }
}
