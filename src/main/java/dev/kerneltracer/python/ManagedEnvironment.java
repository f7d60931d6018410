package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A Python environment that KernelTracer makes from a lock and keeps:
///
/// ```
/// environments/transformers-<hash>.lock           held while one process makes or removes
/// environments/transformers-<hash>-py3.12/
///     ready.json                                  written last: names the venv that is whole
///     venv-<unique>/                              a virtualenv cannot be renamed, so it is made in place
///     install.log                                 of the last attempt
/// ```
///
/// Only what `ready.json` names counts; any other `venv-*` is what a killed run left, and is
/// removed by the next one that holds the lock.
public final class ManagedEnvironment {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Duration IMPORT_LIMIT = Duration.ofMinutes(10);
  private static final JsonMapper JSON = new JsonMapper();
  private static final String READY = "ready.json";

  private final PackageLock lock;
  private final CacheDirectory cache;
  private final Path environments;
  private final Map<String, String> environment;
  private final Duration limit;

  /// The environment of a lock in a cache directory; looks at nothing yet.
  ///
  /// @param environment the variables of this process
  public ManagedEnvironment(
      PackageLock lock, CacheDirectory cache, Map<String, String> environment) {
    this(lock, cache, environment, LIMIT);
  }

  ManagedEnvironment(
      PackageLock lock, CacheDirectory cache, Map<String, String> environment, Duration limit) {
    this.lock = lock;
    this.cache = cache;
    this.environments = cache.environments();
    this.environment = new HashMap<>(environment);
    // What lies on the user's PYTHONPATH says nothing about whether this environment is whole.
    this.environment.remove("PYTHONPATH");
    this.environment.remove("PYTHONHOME");
    this.limit = limit;
  }

  /// How far an environment is.
  public enum Condition {
    ABSENT,
    READY,
    /// Half made, or its base Python is gone.
    BROKEN,
    /// Did not answer in time: the machine may be busy, so it is not made again unasked.
    SILENT
  }

  /// What there is of the environment now.
  ///
  /// @param directory the virtualenv, or where there is none the directory of all environments
  /// @param interpreter null unless it is ready
  /// @param reason why it is not ready, in words that follow its name; null where it is
  public record State(
      Condition condition,
      Path directory,
      @Nullable Interpreter interpreter,
      @Nullable String reason) {
    Path executable() {
      return directory.resolve("bin/python");
    }
  }

  /// Looks without changing anything.
  public State state() {
    State worse = new State(Condition.ABSENT, environments, null, "is not installed");
    for (Path home : homes()) {
      State state = stateOf(home);
      if (state.condition() == Condition.READY) {
        return state;
      }
      if (worse.condition() != Condition.SILENT) {
        worse = state;
      }
    }
    return worse;
  }

  /// The interpreter of the environment; makes it first where it is absent or broken. Of several
  /// processes one makes it, the others wait.
  ///
  /// @param progress told what is being done
  /// @throws UserException (exit 3) where it cannot be made, (exit 130) when this thread was
  ///   interrupted; nothing is left then that could be taken for whole
  public Interpreter make(Consumer<String> progress) {
    Interpreter ready = readyOrToBeMade(state());
    return ready != null ? ready : make(false, progress);
  }

  /// Makes the environment again even where it is ready. The old one is removed once the new one is
  /// whole.
  public Interpreter remake(Consumer<String> progress) {
    return make(true, progress);
  }

  /// What would keep it from being made: no Python to make it from, too little disk space; null
  /// where nothing is known to. Looks without changing anything.
  public @Nullable UserException obstacle() {
    try {
      new BaseInterpreter(environment, limit).find(lock, uv());
      Path existing = environments;
      while (existing.getParent() != null && !Files.exists(existing)) {
        existing = existing.getParent();
      }
      checkSpace(existing);
      return null;
    } catch (UserException e) {
      return e;
    } catch (IOException e) {
      return new UserException(
          ExitCode.ENVIRONMENT, "cannot look at " + environments, "Set KERNELTRACER_CACHE.", e);
    }
  }

  private Interpreter make(boolean anew, Consumer<String> progress) {
    try {
      Files.createDirectories(environments);
      Path lockFile = environments.resolve(key() + ".lock");
      try (EnvironmentLock _ = EnvironmentLock.take(lockFile, progress)) {
        Interpreter ready = anew ? null : readyOrToBeMade(state());
        return ready != null ? ready : makeUnderLock(progress);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserException(
          ExitCode.INTERRUPTED, "interrupted while making the environment " + lock.name(), null, e);
    } catch (IOException e) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "cannot make the environment "
              + lock.name()
              + " in "
              + environments
              + ": "
              + AtomicFile.reason(e),
          "Free some space there, or set KERNELTRACER_CACHE to a directory you may write to.",
          e);
    }
  }

  private @Nullable Interpreter readyOrToBeMade(State state) {
    return switch (state.condition()) {
      case READY -> state.interpreter();
      case ABSENT, BROKEN -> null;
      case SILENT ->
          throw new UserException(
              ExitCode.ENVIRONMENT,
              state.executable() + " " + state.reason(),
              "Try again when the machine is less busy, or make it anew: kerneltracer env install "
                  + lock.name()
                  + " --force");
    };
  }

  private Interpreter makeUnderLock(Consumer<String> progress)
      throws IOException, InterruptedException {
    for (Path home : homes()) {
      Path whole = named(home);
      removeLeftovers(home, whole);
    }
    Path uv = uv();
    Interpreter base = new BaseInterpreter(environment, limit).find(lock, uv);
    checkSpace(environments);
    Path home = environments.resolve(key() + "-py" + Version.of(base.version()).series());
    Files.createDirectories(home);
    String unique =
        Long.toHexString(System.currentTimeMillis())
            + "-"
            + String.format(Locale.ROOT, "%04x", ThreadLocalRandom.current().nextInt(1 << 16));
    Path building = home.resolve("venv-" + unique);
    Path temporary = Files.createDirectory(home.resolve("tmp-" + unique));
    Interpreter made = null;
    try {
      Installation installation =
          new Installation(
              lock,
              base,
              uv,
              environment,
              ProbeFiles.unpack(cache.path()),
              home.resolve("install.log"),
              progress);
      String client = installation.into(building, temporary);
      progress.accept("checking");
      made = checked(building, home.resolve("install.log"));
      writeReady(home, building, base, client);
    } finally {
      DirectoryTree.delete(temporary);
      if (made == null) {
        DirectoryTree.delete(building);
      }
    }
    for (Path other : homes()) {
      if (!other.equals(home)) {
        Files.deleteIfExists(other.resolve(READY));
      }
      removeLeftovers(other, building);
    }
    return made;
  }

  private @Nullable Path uv() {
    return ExecutablePath.of(environment).all("uv").stream().findFirst().orElse(null);
  }

  private void checkSpace(Path directory) throws IOException {
    long free = Files.getFileStore(directory).getUsableSpace();
    if (free < lock.neededBytes()) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          String.format(
              Locale.ROOT,
              "not enough disk space in %s: %.1f GB free, %.1f GB needed for the environment %s",
              environments,
              free / 1e9,
              lock.neededBytes() / 1e9,
              lock.name()),
          "Free some space, or set KERNELTRACER_CACHE to a directory on a larger disk.");
    }
  }

  private Interpreter checked(Path building, Path log) throws IOException {
    Path python = building.resolve("bin/python");
    TimedCommand.Answer imports =
        TimedCommand.run(
            List.of(python.toString(), "-I", "-c", "import " + String.join(", ", lock.imports())),
            environment,
            IMPORT_LIMIT);
    if (!imports.isOk()) {
      throw new UserException(
          ExitCode.ENVIRONMENT,
          "the new environment "
              + lock.name()
              + " does not work: "
              + (imports.timedOut() ? "its imports hang" : imports.lastError()),
          "The log of its making: " + log);
    }
    return switch (query(python)) {
      case InterpreterQuery.Reply.Answered answered -> answered.interpreter();
      case InterpreterQuery.Reply.Failed failed ->
          throw new UserException(
              ExitCode.ENVIRONMENT,
              "the new environment " + lock.name() + " " + failed.reason(),
              "The log of its making: " + log);
    };
  }

  private static void writeReady(Path home, Path building, Interpreter base, String client) {
    Map<String, String> ready = new LinkedHashMap<>();
    ready.put("environment", building.getFileName().toString());
    ready.put("python", base.version());
    ready.put("base", base.executable().toString());
    ready.put("client", client);
    ready.put("made", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    AtomicFile.writeString(home.resolve(READY), JSON.writeValueAsString(ready) + "\n");
  }

  private State stateOf(Path home) {
    Path venv = named(home);
    if (venv == null) {
      return new State(Condition.BROKEN, home, null, "is only half made");
    }
    return switch (query(venv.resolve("bin/python"))) {
      case InterpreterQuery.Reply.Failed failed ->
          new State(
              failed.slow() ? Condition.SILENT : Condition.BROKEN, venv, null, failed.reason());
      case InterpreterQuery.Reply.Answered answered -> {
        String lost = lost(answered.interpreter());
        yield lost == null
            ? new State(Condition.READY, venv, answered.interpreter(), null)
            : new State(Condition.BROKEN, venv, null, lost);
      }
    };
  }

  /// A pinned package that is no longer there; a local version (`2.13.0+cpu`) is the same one.
  private @Nullable String lost(Interpreter python) {
    for (String name : lock.imports()) {
      String pinned = lock.pinned(name);
      String found = python.versionOf(name);
      if (InterpreterQuery.PACKAGES.contains(name)
          && pinned != null
          && (found == null || !found.split("\\+", 2)[0].equals(pinned))) {
        return "has lost " + name + " " + pinned;
      }
    }
    return null;
  }

  private InterpreterQuery.Reply query(Path python) {
    return new InterpreterQuery(environment, limit).ask(python, Origin.MANAGED);
  }

  /// The virtualenv that `ready.json` names, null where there is none.
  private static @Nullable Path named(Path home) {
    try {
      JsonNode ready = JSON.readTree(Files.readString(home.resolve(READY)));
      String name = ready.path("environment").asString("");
      Path venv = home.resolve(name);
      return name.startsWith("venv-") && Files.isDirectory(venv) ? venv : null;
    } catch (IOException | JacksonException e) {
      return null;
    }
  }

  private static void removeLeftovers(Path home, @Nullable Path whole) throws IOException {
    for (Path entry : DirectoryTree.entries(home)) {
      String name = entry.getFileName().toString();
      boolean ours =
          name.startsWith("venv-") || name.startsWith("tmp-") || name.startsWith(".removed-");
      if (ours && !entry.equals(whole)) {
        DirectoryTree.delete(entry);
      }
    }
  }

  private List<Path> homes() {
    return DirectoryTree.entries(environments).stream()
        .filter(p -> p.getFileName().toString().startsWith(key() + "-py"))
        .filter(Files::isDirectory)
        .toList();
  }

  private String key() {
    return lock.name() + "-" + lock.hash();
  }
}
