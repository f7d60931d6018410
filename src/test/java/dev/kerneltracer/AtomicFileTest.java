package dev.kerneltracer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir Path directory;

  @Test
  void theOldFileStaysWhereTheContentFails() throws IOException {
    Path file = directory.resolve("status.json");
    AtomicFile.writeString(file, "old");

    assertThatThrownBy(() ->
            AtomicFile.write(
                file,
                out -> {
                  out.write('n');
                  throw new IOException("No space left on device");
                }))
        .isInstanceOf(UserException.class)
        .hasMessage("cannot write " + file + ": No space left on device");

    assertThat(file).hasContent("old");
    assertThat(names()).containsExactly("status.json");
  }

  @Test
  void directoriesAreMadeAndNothingElseIsLeft() throws IOException {
    AtomicFile.writeString(directory.resolve("a/b/c.csv"), "x\n");

    assertThat(directory.resolve("a/b/c.csv")).hasContent("x");
    try (Stream<Path> files = Files.list(directory.resolve("a/b"))) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void aFileInPlaceOfTheDirectoryIsNamed() {
    AtomicFile.writeString(directory.resolve("taken"), "");

    assertThatThrownBy(() -> AtomicFile.writeString(directory.resolve("taken/x"), ""))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("taken");
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(f -> f.getFileName().toString()).toList();
    }
  }
}
