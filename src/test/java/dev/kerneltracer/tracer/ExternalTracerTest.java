package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExternalTracerTest {
  private static final String FUNCTION = "\ndef trace(workload, spec, directory):\n    pass\n";

  @TempDir Path directory;

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  @Test
  void theExampleOfTheDocsDescribesItself() throws IOException {
    write("my_tracer.py", DocumentedTracer.text());

    Tracer tracer = ExternalTracer.in(directory).getFirst();

    assertThat(tracer.name()).isEqualTo("my_tracer");
    assertThat(tracer.framework()).isEqualTo("huggingface");
    assertThat(tracer.modes()).isEqualTo(Set.of(Mode.EVAL));
    assertThat(tracer.files())
        .extracting(Tracer.ResultFile::name)
        .containsExactly("module_classes.json");
    assertThat(tracer.version()).isEqualTo(1);
  }

  @Test
  void filesWithoutADescriptionAreModulesThatTracersShare() throws IOException {
    write("shared.py", "value = 1\n");
    write("b.py", "TRACER = {'description': 'x', 'files': ['x.json']}" + FUNCTION);

    assertThat(ExternalTracer.in(directory)).extracting(Tracer::name).containsExactly("b");
  }

  @Test
  void anEditedFileIsAnotherTracer() throws IOException {
    String text = "TRACER = {'description': 'x', 'files': ['x.json']}" + FUNCTION;
    write("a.py", text);
    Tracer before = ExternalTracer.in(directory).getFirst();
    write("a.py", text + "# edited\n");

    assertThat(ExternalTracer.in(directory).getFirst().file()).isNotEqualTo(before.file());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "TRACER = {'description': 'x', 'files': ['x'], 'colour': 1} | no key 'colour'",
        "TRACER = {'description': 'x', 'files': ['x'], 'name': 'a b'} | no name of a tracer",
        "TRACER = {'description': 'x', 'files': ['x'], 'needs': ['luck']} | compiler, gpu, eager",
        "TRACER = {'description': 'x', 'files': ['x'], 'version': 'one'} | no whole number",
        "TRACER = {'description': 'x', 'files': ['_TRACE_STATUS.json']} | name of a result file",
        "TRACER = {'description': 'x', 'files': ['a/b']} | name of a result file",
        "TRACER = {'description': 'x'} | lacks 'files'",
        "TRACER = {'files': ['x']} | lacks 'description'",
        "TRACER = ['x'] | no dictionary",
        "TRACER = {'description': open('x')} | TRACER",
      })
  void aWrongDescriptionIsSaidWithItsFile(String text, String reason) throws IOException {
    write("a.py", text + FUNCTION);

    assertThatThrownBy(() -> ExternalTracer.in(directory))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.py")
        .hasMessageContaining(reason);
  }

  @Test
  void aTracerWithoutItsFunctionIsRefused() throws IOException {
    write("a.py", "TRACER = {'description': 'x', 'files': ['x']}\n");

    assertThatThrownBy(() -> ExternalTracer.in(directory)).hasMessageContaining("no def trace(");
  }

  @Test
  void aDirectoryWithoutTracersIsRefused() {
    assertThatThrownBy(() -> ExternalTracer.in(directory)).hasMessageContaining("has a TRACER");
  }
}
