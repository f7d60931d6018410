package dev.kerneltracer.python;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Finds the Python that runs targets: `--python`, `KERNELTRACER_PYTHON`, the active virtualenv or
/// conda environment, a `python3` or `python` on PATH that has what is needed, the managed
/// environment. One that the user named must serve; any other that doesn't is passed over.
public final class InterpreterSearch {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Map<String, String> environment;
  private final @Nullable String named;
  private final Duration limit;
  private final ExecutablePath path;

  /// A search of its own for each command line.
  ///
  /// @param environment the variables of this process
  /// @param named the value of `--python`: a program, a name on PATH or an environment's directory
  public InterpreterSearch(Map<String, String> environment, @Nullable String named) {
    this(environment, named, LIMIT);
  }

  InterpreterSearch(Map<String, String> environment, @Nullable String named, Duration limit) {
    this.environment = Map.copyOf(environment);
    this.named = named;
    this.limit = limit;
    this.path = ExecutablePath.of(environment);
  }

  /// What a look around found.
  ///
  /// @param chosen the one to run targets with, null where none serves
  /// @param candidates all that were looked at, in the order in which they count
  public record Found(@Nullable Interpreter chosen, List<Candidate> candidates) {}

  /// The interpreter to run targets with; makes the managed environment where nothing else serves.
  ///
  /// @param progress told what is being done, for a progress line
  /// @throws UserException (exit 3) where the interpreter that the user named does not serve, or no
  ///   environment can be made
  public Interpreter find(Framework framework, Consumer<String> progress) {
    progress.accept("looking for Python");
    Found found = look(framework, true);
    if (found.chosen() != null) {
      return found.chosen();
    }
    Candidate last = found.candidates().isEmpty() ? null : found.candidates().getLast();
    if (last != null && last.origin().isExplicit()) {
      throw unusable(last, framework);
    }
    return managed(framework).make(progress);
  }

  /// Every interpreter that could come into question, also those after the chosen one; makes
  /// nothing.
  public Found lookAround(Framework framework) {
    return look(framework, false);
  }

  /// The error for an interpreter that the user named and that does not serve.
  public UserException unusable(Candidate candidate, Framework framework) {
    Interpreter python = candidate.interpreter();
    boolean old = python != null && !Version.of(python.version()).atLeast("3.10");
    String hint =
        python == null || old
            ? "Name one that works, or leave out "
                + candidate.origin().label()
                + ": KernelTracer finds or makes one (kerneltracer env doctor)."
            : "Install it: "
                + python.installCommand(framework.requirements())
                + "\nOr leave out "
                + candidate.origin().label()
                + ": KernelTracer finds or makes an environment.";
    return new UserException(
        ExitCode.ENVIRONMENT,
        candidate.executable() + " (" + candidate.origin().label() + ") " + candidate.reason(),
        hint);
  }

  /// The environment that KernelTracer keeps for a framework.
  public ManagedEnvironment managed(Framework framework) {
    return managed(framework.lock());
  }

  /// The environment that KernelTracer keeps for a lock.
  public ManagedEnvironment managed(PackageLock lock) {
    return new ManagedEnvironment(lock, CacheDirectory.of(environment), environment);
  }

  private Found look(Framework framework, boolean stopAtFirst) {
    List<Candidate> candidates = new ArrayList<>();
    Interpreter chosen = null;
    boolean decided = false;
    Set<Path> seen = new HashSet<>();
    for (Place place : places()) {
      if (!seen.add(sameDirectory(place.executable()))) {
        continue;
      }
      Candidate candidate = examine(place, framework);
      candidates.add(candidate);
      if (!decided && candidate.serves()) {
        chosen = candidate.interpreter();
      }
      decided |= candidate.serves() || candidate.origin().isExplicit();
      if (decided && stopAtFirst) {
        return new Found(chosen, List.copyOf(candidates));
      }
    }
    ManagedEnvironment.State managed = managed(framework).state();
    if (managed.condition() != ManagedEnvironment.Condition.ABSENT) {
      candidates.add(
          new Candidate(
              Origin.MANAGED, managed.executable(), managed.interpreter(), managed.reason()));
      if (!decided) {
        chosen = managed.interpreter();
      }
    }
    return new Found(chosen, List.copyOf(candidates));
  }

  private record Place(Origin origin, Path executable) {}

  private List<Place> places() {
    List<Place> places = new ArrayList<>();
    if (named != null) {
      places.add(new Place(Origin.OPTION, resolve(named)));
    }
    String variable = environment.getOrDefault("KERNELTRACER_PYTHON", "");
    if (!variable.isBlank()) {
      places.add(new Place(Origin.VARIABLE, resolve(variable)));
    }
    String virtualenv = environment.getOrDefault("VIRTUAL_ENV", "");
    if (!virtualenv.isBlank()) {
      places.add(new Place(Origin.VIRTUALENV, Path.of(virtualenv, "bin", "python")));
    }
    String conda = environment.getOrDefault("CONDA_PREFIX", "");
    if (!conda.isBlank()) {
      places.add(new Place(Origin.CONDA, Path.of(conda, "bin", "python")));
    }
    Path shims = null;
    for (Path executable : path.all("python3", "python")) {
      Path directory = executable.resolveSibling("");
      // Two shims of pyenv lead to one Python.
      if (!directory.equals(shims)) {
        places.add(new Place(Origin.PATH, executable));
      }
      shims = directory.endsWith("shims") ? directory : null;
    }
    return places;
  }

  private Candidate examine(Place place, Framework framework) {
    InterpreterQuery.Reply reply =
        new InterpreterQuery(environment, limit).ask(place.executable(), place.origin());
    return switch (reply) {
      case InterpreterQuery.Reply.Failed failed ->
          new Candidate(place.origin(), place.executable(), null, failed.reason());
      case InterpreterQuery.Reply.Answered answered ->
          new Candidate(
              place.origin(),
              place.executable(),
              answered.interpreter(),
              framework.unsuitable(answered.interpreter()));
    };
  }

  /// A name without a slash is looked for on PATH; an environment's directory means its `python`.
  private Path resolve(String name) {
    if (name.indexOf('/') < 0) {
      List<Path> onPath = path.all(name);
      if (!onPath.isEmpty()) {
        return onPath.getFirst();
      }
    }
    String expanded =
        name.startsWith("~/") ? environment.getOrDefault("HOME", "~") + name.substring(1) : name;
    Path file = Path.of(expanded).toAbsolutePath().normalize();
    return Files.isDirectory(file) ? file.resolve("bin/python") : file;
  }

  /// `/bin` is often `/usr/bin`. The program itself is not resolved: a virtualenv's `python` is a
  /// link to another one, and still another interpreter.
  private static Path sameDirectory(Path executable) {
    Path directory = executable.getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      return executable;
    }
    return ExecutablePath.real(directory).resolve(executable.getFileName());
  }
}
