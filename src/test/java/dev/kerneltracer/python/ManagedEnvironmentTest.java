package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/// A real Python, venv and pip, with two tiny packages from a directory of wheels that only pip's
/// own settings name.
@Execution(ExecutionMode.CONCURRENT)
class ManagedEnvironmentTest {
  @TempDir Path directory;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> progress = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void onePythonAndPipsSettings() throws IOException {
    TinyPackages.wheel(directory.resolve("wheels"), "ktalpha", "1.0");
    TinyPackages.wheel(directory.resolve("wheels"), "ktbeta", "2.0");
    FakePrograms.script(
        directory.resolve("bin/python3"), "exec " + RealPython.any().executable() + " \"$@\"");
    environment.put("PATH", directory.resolve("bin").toString());
    environment.put("HOME", directory.toString());
    environment.put("PIP_CONFIG_FILE", "/dev/null");
    environment.put("PIP_NO_INDEX", "1");
    environment.put("PIP_FIND_LINKS", directory.resolve("wheels").toString());
  }

  @Test
  void itIsMadeOnceWithTheUsersPipSettings() throws IOException {
    // These would put the packages elsewhere, or hide that they are missing.
    environment.put("PIP_TARGET", directory.resolve("elsewhere").toString());
    environment.put("PIP_USER", "1");
    environment.put("PYTHONPATH", directory.resolve("modules").toString());

    Interpreter made = tiny().make(progress::add);
    Interpreter again = tiny().make(_ -> progress.add("made twice"));

    assertThat(again).isEqualTo(made);
    assertThat(progress)
        .contains("[1/2] ktalpha 1.0", "[2/2] ktbeta 2.0", "installing 2 packages", "checking")
        .doesNotContain("made twice");
    assertThat(made.origin()).isEqualTo(Origin.MANAGED);
    assertThat(version(made)).isEqualTo("2.0");
    assertThat(tiny().state().condition()).isEqualTo(ManagedEnvironment.Condition.READY);
    assertThat(leftovers()).hasSize(1);
  }

  @Test
  void brokenOnesAreMadeAgain() throws IOException {
    Interpreter made = tiny().make(progress::add);
    Files.delete(venv(made).resolveSibling("ready.json"));
    assertThat(tiny().state().reason()).isEqualTo("is only half made");

    Interpreter again = tiny().make(progress::add);

    assertThat(again.executable()).isNotEqualTo(made.executable()).exists();
    assertThat(leftovers()).containsExactly(venv(again));

    Files.delete(again.executable());
    assertThat(tiny().state().condition()).isEqualTo(ManagedEnvironment.Condition.BROKEN);

    Interpreter third = tiny().make(progress::add);

    assertThat(version(third)).isEqualTo("2.0");
    assertThat(leftovers()).containsExactly(venv(third));
  }

  @Test
  void oneThatOnlyAnswersTooLateIsNotThrownAway() throws IOException {
    Interpreter made = tiny().make(progress::add);
    Files.delete(made.executable());
    FakePrograms.script(made.executable(), "exec /bin/sleep 60");

    ManagedEnvironment slow =
        new ManagedEnvironment(
            MakeTinyEnvironment.lock(), cache(), environment, Duration.ofSeconds(1));

    assertThat(slow.state().condition()).isEqualTo(ManagedEnvironment.Condition.SILENT);
    assertThat(failure(slow)).hasMessageContaining("did not answer within 1 s");
    assertThat(made.executable()).exists();
  }

  @Test
  void itCanBeMadeAnewByForce() throws IOException {
    Interpreter made = tiny().make(progress::add);

    Interpreter again = tiny().remake(progress::add);

    assertThat(again.executable()).isNotEqualTo(made.executable()).exists();
    assertThat(made.executable()).doesNotExist();
  }

  @Test
  void twoProcessesAtOnceMakeOne() throws IOException, InterruptedException {
    Process one = start("one");
    Process two = start("two");

    assertThat(one.waitFor()).as(errors("one")).isZero();
    assertThat(two.waitFor()).as(errors("two")).isZero();

    assertThat(output("one")).isNotBlank().isEqualTo(output("two"));
    assertThat(leftovers()).hasSize(1);
    assertThat((errors("one") + errors("two")).lines().filter(l -> l.startsWith("[1/2]")))
        .hasSize(1);
    assertThat(errors("one") + errors("two"))
        .containsPattern("waiting: another KernelTracer \\(process \\d+\\) is making it");
  }

  @Test
  void killedInTheMiddleItLeavesNoProcessAndNothingThatIsTakenForWhole()
      throws IOException, InterruptedException {
    Path pid = uvThatNeverEnds();
    Process maker = start("killed");
    assertThat(Processes.tooLate(Duration.ofSeconds(60), () -> isWritten(pid))).isFalse();

    maker.destroyForcibly().waitFor();

    Processes.assertGone(Long.parseLong(Files.readString(pid).strip()));
    assertThat(tiny().state().condition()).isEqualTo(ManagedEnvironment.Condition.BROKEN);
    Files.delete(directory.resolve("bin/uv"));
    assertThat(version(tiny().make(progress::add))).isEqualTo("2.0");
    assertThat(leftovers()).hasSize(1);
  }

  @Test
  void interruptedItStopsTheInstallerAndCleansUp() throws IOException, InterruptedException {
    Path pid = uvThatNeverEnds();
    AtomicReference<@Nullable UserException> error = new AtomicReference<>();
    Thread maker = Thread.ofPlatform().start(() -> error.set(failure(tiny())));
    assertThat(Processes.tooLate(Duration.ofSeconds(60), () -> isWritten(pid))).isFalse();

    maker.interrupt();
    maker.join();

    assertThat(error.get())
        .isInstanceOfSatisfying(
            UserException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.INTERRUPTED));
    Processes.assertGone(Long.parseLong(Files.readString(pid).strip()));
    assertThat(leftovers()).isEmpty();
  }

  @Test
  void pipsErrorAndItsLogAreShownAndNothingIsLeft() throws IOException {
    Files.delete(directory.resolve("wheels/ktbeta-2.0-py3-none-any.whl"));

    UserException error = failure(tiny());

    assertThat(error)
        .hasMessage(
            "cannot make the environment tiny: No matching distribution found for ktbeta==2.0");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
    String hint = String.valueOf(error.hint());
    Path log = Path.of(hint.substring(hint.indexOf("log: ") + 5));
    assertThat(log).content().contains("Could not find a version", "exit code 1");
    assertThat(leftovers()).isEmpty();
    assertThat(tiny().state().condition()).isEqualTo(ManagedEnvironment.Condition.BROKEN);
  }

  @Test
  void whereUvFailsPipHasATry() throws IOException {
    FakePrograms.script(directory.resolve("bin/uv"), "echo 'error: no such index' >&2; exit 2");

    Interpreter made = tiny().make(progress::add);

    assertThat(progress).contains("uv failed, trying pip");
    assertThat(version(made)).isEqualTo("2.0");
  }

  @Test
  void tooLittleDiskSpaceIsSaidBeforeAnythingIsDone() {
    PackageLock huge =
        new PackageLock(
            "tiny", MakeTinyEnvironment.LOCK, List.of("3.10"), true, List.of(), Long.MAX_VALUE);

    UserException error = failure(new ManagedEnvironment(huge, cache(), environment));

    assertThat(error).hasMessageMatching("not enough disk space in .* GB free, .* GB needed.*");
    assertThat(error.hint()).contains("KERNELTRACER_CACHE");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
  }

  @Test
  void withoutAnyPythonItSaysHowToGetOne() throws IOException {
    environment.put("PATH", directory.resolve("empty").toString());
    assertThat(failure(tiny())).hasMessageContaining("none on PATH");

    FakePrograms.whole(directory.resolve("empty/python3"));
    UserException error = failure(tiny());

    assertThat(error).hasMessageContaining("lacks venv or ensurepip");
    assertThat(error.hint()).contains("apt-get install python3-venv");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
  }

  @Test
  void aCacheDirectoryThatCannotBeWrittenIsNamed() throws IOException {
    Files.writeString(directory.resolve("cache"), "a file");

    UserException error = failure(tiny());

    assertThat(error).hasMessageContaining(directory.resolve("cache").toString());
    assertThat(error.hint()).contains("KERNELTRACER_CACHE");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
  }

  /// Makes the environment's directory and then hangs; returns the file with its process id.
  private Path uvThatNeverEnds() throws IOException {
    Path pid = directory.resolve("uv.pid");
    FakePrograms.script(
        directory.resolve("bin/uv"),
        """
        case "$1" in
        python) exit 1 ;;
        venv) for last; do :; done; /bin/mkdir -p "$last/bin" ;;
        pip) trap '' TERM; echo $$ > %s; while :; do /bin/sleep 1; done ;;
        esac\
        """
            .formatted(pid));
    return pid;
  }

  private static boolean isWritten(Path file) {
    try {
      return Files.exists(file) && Files.size(file) > 0;
    } catch (IOException e) {
      return false;
    }
  }

  private ManagedEnvironment tiny() {
    return new ManagedEnvironment(MakeTinyEnvironment.lock(), cache(), environment);
  }

  private CacheDirectory cache() {
    return new CacheDirectory(directory.resolve("cache"));
  }

  private UserException failure(ManagedEnvironment managed) {
    return catchThrowableOfType(UserException.class, () -> managed.make(progress::add));
  }

  private Process start(String name) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            MakeTinyEnvironment.class.getName(),
            cache().path().toString());
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectOutput(directory.resolve(name + ".out").toFile());
    builder.redirectError(directory.resolve(name + ".err").toFile());
    return builder.start();
  }

  private String output(String name) throws IOException {
    return Files.readString(directory.resolve(name + ".out"));
  }

  private String errors(String name) throws IOException {
    return Files.readString(directory.resolve(name + ".err"));
  }

  /// All directories of virtualenvs, whole or not, and temporary ones.
  private List<Path> leftovers() throws IOException {
    try (Stream<Path> homes = Files.list(cache().environments())) {
      return homes
          .filter(Files::isDirectory)
          .flatMap(h -> DirectoryTree.entries(h).stream())
          .filter(Files::isDirectory)
          .toList();
    }
  }

  private static Path venv(Interpreter python) {
    return python.executable().resolve("../..").normalize();
  }

  private static String version(Interpreter python) throws IOException {
    Process process =
        new ProcessBuilder(
                python.executable().toString(), "-c", "import ktbeta; print(ktbeta.VERSION)")
            .start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
