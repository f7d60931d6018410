package dev.kerneltracer.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonFileTest {
  @TempDir Path directory;

  @Test
  void keysStayInTheOrderInWhichTheyAreWritten() throws IOException {
    Path file = directory.resolve("x.json");

    JsonFile.writeCompact(
        file,
        json -> {
          json.writeStartObject();
          json.writeNumberProperty("z", 1);
          json.writeStringProperty("a", "ü\"");
          json.writeEndObject();
        });

    assertThat(Files.readString(file)).isEqualTo("{\"z\":1,\"a\":\"ü\\\"\"}\n");
  }

  @Test
  void aFailureOnTheWayLeavesNoFile() {
    Path file = directory.resolve("x.json");

    assertThatThrownBy(() ->
            JsonFile.write(
                file,
                json -> {
                  json.writeStartObject();
                  throw new IllegalStateException("half");
                }))
        .isInstanceOf(IllegalStateException.class);

    assertThat(directory).isEmptyDirectory();
  }
}
