package dev.kerneltracer.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("real")
class RealPythonTest {
  @Test
  void theManagedEnvironmentIsWholeAndTested() throws IOException {
    Interpreter python = RealPython.transformers();

    assertThat(python.versionOf("torch")).startsWith("2.13.0");
    assertThat(python.versionOf("transformers")).startsWith("5.19");
    assertThat(Framework.TRANSFORMERS.unsuitable(python)).isNull();
    assertThat(Framework.TRANSFORMERS.untested(python)).isNull();
    assertThat(TorchDevices.seenBy(python, System.getenv()).torchWorks()).isTrue();
    // Nothing is resolved when the lock is installed, so the lock itself must be consistent.
    if (python.versionOf("pip") != null) {
      TimedCommand.Answer check =
          TimedCommand.run(
              List.of(python.executable().toString(), "-I", "-m", "pip", "check"),
              System.getenv(),
              Duration.ofMinutes(2));
      assertThat(check.output()).contains("No broken requirements found");
    }
  }

  @Test
  void theOldEndIsWholeAndTested() {
    Interpreter python = RealPython.oldEnd();

    assertThat(python.versionOf("torch")).startsWith("2.2.2");
    assertThat(python.versionOf("transformers")).isEqualTo("4.40.2");
    assertThat(python.versionOf("numpy")).startsWith("1.");
    assertThat(Framework.TRANSFORMERS.unsuitable(python)).isNull();
    assertThat(Framework.TRANSFORMERS.untested(python)).isNull();
    assertThat(TorchDevices.seenBy(python, System.getenv()).torchWorks()).isTrue();
  }
}
