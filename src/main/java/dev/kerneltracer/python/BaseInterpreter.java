package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds the Python that a managed environment is made from: the first of the lock's series that
/// can make environments, else a newer one, else one that `uv` keeps.
final class BaseInterpreter {
  private final Map<String, String> environment;
  private final Duration limit;

  BaseInterpreter(Map<String, String> environment, Duration limit) {
    this.environment = environment;
    this.limit = limit;
  }

  /// @param uv the program, null where there is none; with it, `ensurepip` is not needed
  /// @throws UserException (exit 3) where there is none
  Interpreter find(PackageLock lock, @Nullable Path uv) {
    List<Interpreter> usable = new ArrayList<>();
    String withoutVenv = null;
    String anyVersion = null;
    for (Path executable : executables(lock, uv)) {
      if (!(new InterpreterQuery(environment, limit).ask(executable, Origin.PATH)
          instanceof InterpreterQuery.Reply.Answered(Interpreter python))) {
        continue;
      }
      anyVersion = executable + " is Python " + python.version();
      if (!python.implementation().equals("cpython") || rank(python, lock) == Integer.MAX_VALUE) {
        continue;
      }
      if (uv == null && !python.makesEnvironments()) {
        withoutVenv = executable + " (Python " + python.version() + ")";
        continue;
      }
      if (rank(python, lock) == 0) {
        return python;
      }
      usable.add(python);
    }
    return usable.stream()
        .reduce((a, b) -> rank(b, lock) < rank(a, lock) ? b : a)
        .orElseThrow(none(lock, withoutVenv, anyVersion));
  }

  private static java.util.function.Supplier<UserException> none(
      PackageLock lock, @Nullable String withoutVenv, @Nullable String other) {
    if (withoutVenv != null) {
      return () ->
          new UserException(
              ExitCode.ENVIRONMENT,
              withoutVenv + " cannot make environments: it lacks venv or ensurepip",
              "On Debian and Ubuntu: apt-get install python3-venv. Or put uv on PATH.");
    }
    String series = lock.pythons().getLast() + " to " + lock.pythons().getFirst();
    return () ->
        new UserException(
            ExitCode.ENVIRONMENT,
            "no Python to make the environment "
                + lock.name()
                + " from: "
                + (other == null ? "none on PATH" : other)
                + ", needed is one of "
                + series,
            "On Debian and Ubuntu: apt-get install python3 python3-venv. Elsewhere, with uv: uv"
                + " python install "
                + lock.pythons().getFirst());
  }

  private Set<Path> executables(PackageLock lock, @Nullable Path uv) {
    ExecutablePath path = ExecutablePath.of(environment);
    Set<Path> executables = new LinkedHashSet<>();
    for (String series : lock.pythons()) {
      executables.addAll(path.all("python" + series));
    }
    executables.addAll(path.all("python3", "python"));
    if (uv != null) {
      for (String series : lock.pythons()) {
        Path kept = keptByUv(uv, series);
        if (kept != null) {
          executables.add(kept);
          break;
        }
      }
    }
    return executables;
  }

  private @Nullable Path keptByUv(Path uv, String series) {
    try {
      TimedCommand.Answer answer =
          TimedCommand.run(
              List.of(
                  uv.toString(), "python", "find", "--no-project", "--no-python-downloads", series),
              environment,
              limit);
      String found = answer.output().strip();
      return answer.isOk() && found.startsWith("/") ? Path.of(found) : null;
    } catch (IOException e) {
      return null;
    }
  }

  /// 0 is best; the maximum means that it does not serve.
  private static int rank(Interpreter python, PackageLock lock) {
    Version version = Version.of(python.version());
    int index = lock.pythons().indexOf(version.series());
    if (index >= 0) {
      return index;
    }
    boolean newer = lock.pythons().stream().allMatch(p -> version.compareTo(Version.of(p)) > 0);
    return newer && lock.acceptsNewer() ? 1000 + version.minor() : Integer.MAX_VALUE;
  }
}
