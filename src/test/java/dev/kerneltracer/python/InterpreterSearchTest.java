package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InterpreterSearchTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir Path directory;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void nothingFromThisMachine() {
    environment.put("PATH", directory.resolve("bin").toString());
    environment.put("HOME", directory.toString());
    environment.put("KERNELTRACER_CACHE", directory.resolve("cache").toString());
  }

  @Test
  void theOptionComesFirstThenTheVariableTheVirtualenvCondaAndPath() throws IOException {
    Path option = FakePrograms.whole(directory.resolve("option"));
    Path variable = FakePrograms.whole(directory.resolve("variable"));
    Path virtualenv = FakePrograms.whole(directory.resolve("venv/bin/python"));
    Path conda = FakePrograms.whole(directory.resolve("conda/bin/python"));
    Path path = FakePrograms.whole(directory.resolve("bin/python3"));
    environment.put("KERNELTRACER_PYTHON", variable.toString());
    environment.put("VIRTUAL_ENV", directory.resolve("venv").toString());
    environment.put("CONDA_PREFIX", directory.resolve("conda").toString());

    InterpreterSearch.Found found =
        new InterpreterSearch(environment, option.toString(), LIMIT)
            .lookAround(Framework.TRANSFORMERS);
    assertThat(found.candidates())
        .extracting(Candidate::executable)
        .containsExactly(option, variable, virtualenv, conda, path);
    assertThat(find(option.toString()).executable()).isEqualTo(option);
    assertThat(find(null).executable()).isEqualTo(variable);
    environment.remove("KERNELTRACER_PYTHON");
    assertThat(find(null).executable()).isEqualTo(virtualenv);
    environment.put("VIRTUAL_ENV", "");
    assertThat(find(null).executable()).isEqualTo(conda);
    environment.remove("CONDA_PREFIX");
    assertThat(find(null).executable()).isEqualTo(path);
    assertThat(find(null).origin()).isEqualTo(Origin.PATH);
  }

  @Test
  void onesWithoutTorchArePassedOverAndRemembered() throws IOException {
    FakePrograms.withoutTorch(directory.resolve("venv/bin/python"));
    FakePrograms.withoutTorch(directory.resolve("bin/python3"));
    Path second = FakePrograms.whole(directory.resolve("bin/python"));
    environment.put("VIRTUAL_ENV", directory.resolve("venv").toString());

    assertThat(find(null).executable()).isEqualTo(second);
    assertThat(look(null).candidates())
        .extracting(Candidate::reason)
        .containsExactly("has no torch", "has no torch", null);
  }

  @Test
  void aNamedOneThatIsMissingIsAnErrorEvenWhenAnotherWouldServe() throws IOException {
    FakePrograms.whole(directory.resolve("bin/python3"));

    UserException error = failure(directory.resolve("nowhere/python").toString());

    assertThat(error).hasMessage(directory + "/nowhere/python (--python) does not exist");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
  }

  @Test
  void aNamedOneWithoutTorchIsAnErrorThatSaysHowToMendIt() throws IOException {
    FakePrograms.whole(directory.resolve("bin/python3"));
    Path named = FakePrograms.withoutTorch(directory.resolve("named"));
    environment.put("KERNELTRACER_PYTHON", named.toString());

    UserException error = failure(null);

    assertThat(error).hasMessage(named + " (KERNELTRACER_PYTHON) has no torch");
    assertThat(error.hint()).contains(named + " -m pip install torch 'transformers<5.20'");
    assertThat(error.exitCode()).isEqualTo(ExitCode.ENVIRONMENT);
  }

  @Test
  void anEnvironmentsDirectoryOrANameOnPathCanBeNamed() throws IOException {
    Path inside = FakePrograms.whole(directory.resolve("venv/bin/python"));
    Path onPath = FakePrograms.whole(directory.resolve("bin/python3.12"));

    assertThat(find(directory.resolve("venv").toString()).executable()).isEqualTo(inside);
    assertThat(find("python3.12").executable()).isEqualTo(onPath);
  }

  @Test
  void aHangingInterpreterCannotHangUs() throws IOException {
    Path pid = directory.resolve("pid");
    FakePrograms.script(
        directory.resolve("bin/python3"), "/bin/sleep 600 & echo $! > " + pid + "; wait");
    long start = System.nanoTime();

    Candidate candidate =
        new InterpreterSearch(environment, null, Duration.ofSeconds(1))
            .lookAround(Framework.TRANSFORMERS)
            .candidates()
            .getFirst();

    assertThat(candidate.reason()).isEqualTo("did not answer within 1 s");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
    Processes.assertGone(Long.parseLong(Files.readString(pid).strip()));
  }

  @Test
  void brokenOnesSayWhy() throws IOException {
    FakePrograms.script(directory.resolve("bin/python3"), "echo 'no libpython' >&2; exit 127");
    Files.createDirectories(directory.resolve("venv/bin"));
    Files.writeString(directory.resolve("venv/bin/python"), "not a program");
    environment.put("VIRTUAL_ENV", directory.resolve("venv").toString());

    assertThat(look(null).candidates())
        .extracting(Candidate::reason)
        .containsExactly("is not an executable file", "does not work: no libpython");
  }

  @Test
  void whatIsTooOldIsRefusedWithTheReason() throws IOException {
    Path python = directory.resolve("bin/python3");

    assertThat(reason(FakePrograms.python(python, "3.9.18", "\"torch\": \"2.8.0\"")))
        .isEqualTo("is Python 3.9.18, too old: 3.10 or newer is needed");
    assertThat(
            reason(
                FakePrograms.python(
                    python, "3.11.7", "\"torch\": \"2.1.2\", \"transformers\": \"4.40.2\"")))
        .isEqualTo("has torch 2.1.2, too old: 2.2 or newer is needed");
    assertThat(reason(FakePrograms.python(python, "3.11.7", "\"transformers\": \"4.9.2\"")))
        .isEqualTo("has no torch, and transformers 4.9.2, too old: 4.40 or newer is needed");
  }

  @Test
  void untestedVersionsAreNamedOnceAndServe() throws IOException {
    Path python = directory.resolve("bin/python3");
    FakePrograms.python(
        python, "3.15.0", "\"torch\": \"2.7.0a0+git\", \"transformers\": \"5.19.2\"");

    Interpreter found = find(null);

    assertThat(Framework.TRANSFORMERS.untested(found))
        .isEqualTo("untested with Python 3.15.0, torch 2.7.0a0+git");
    FakePrograms.python(python, "3.11.7", "\"torch\": \"2.2.2\", \"transformers\": \"4.40.2\"");
    assertThat(Framework.TRANSFORMERS.untested(find(null))).isNull();
  }

  @Test
  void aRealPythonNamesWhatLiesOnPythonpathWithoutImportingIt() throws IOException {
    Path modules = directory.resolve("modules");
    for (String name : List.of("torch", "transformers")) {
      Files.createDirectories(modules.resolve(name));
      Files.writeString(modules.resolve(name + "/__init__.py"), "raise SystemExit(9)\n");
    }
    Files.writeString(modules.resolve("torch/version.py"), "__version__ = '2.9.1+cpu'\n");
    Files.writeString(
        modules.resolve("transformers/__init__.py"), "__version__ = \"5.1.0\"\nraise SystemExit\n");
    environment.put("PYTHONPATH", modules.toString());
    Path real = RealPython.any().executable();

    Interpreter found = find(real.toString());

    assertThat(found.packages()).containsEntry("torch", "2.9.1+cpu");
    assertThat(found.packages()).containsEntry("transformers", "5.1.0");
    assertThat(found.version()).matches("3\\.\\d+\\.\\d+");
  }

  private String reason(Path python) {
    return String.valueOf(look(python.toString()).candidates().getFirst().reason());
  }

  private Interpreter find(@org.jspecify.annotations.Nullable String named) {
    return new InterpreterSearch(environment, named, LIMIT).find(Framework.TRANSFORMERS, _ -> {});
  }

  private InterpreterSearch.Found look(@org.jspecify.annotations.Nullable String named) {
    return new InterpreterSearch(environment, named, LIMIT).lookAround(Framework.TRANSFORMERS);
  }

  private UserException failure(@org.jspecify.annotations.Nullable String named) {
    return catchThrowableOfType(UserException.class, () -> find(named));
  }
}
