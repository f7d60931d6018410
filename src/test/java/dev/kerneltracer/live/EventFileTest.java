package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {
  @TempDir private Path directory;
  private Path path = Path.of("");
  private final List<Long> seen = new ArrayList<>();

  @BeforeEach
  void nameTheFile() {
    path = directory.resolve("process-7.jsonl");
  }

  @Test
  void aLineIsReadOnceItIsWhole() throws IOException {
    try (EventFile file = new EventFile(path)) {
      read(file);
      append("{\"event\":\"step\",\"t\":1}\n{\"event\":\"st");
      read(file);
      assertThat(seen).containsExactly(1L);
      assertThat(file.isCut()).isTrue();

      append("ep\",\"t\":2}\n");
      read(file);
      assertThat(seen).containsExactly(1L, 2L);
      assertThat(file.isCut()).isFalse();
      assertThat(file.badLines()).isZero();
    }
  }

  @Test
  void linesThatAreNoEventsAreCountedAndPassedOver() throws IOException {
    append("{\"event\":\"step\",\"t\":1}\n");
    append(
        "garbage\n\n{\"event\":\"step\"}\n[1,2]\n{\"event\":\"step\",\"t\":2}{}\n\u0000\u0000\n");
    append("{\"event\":\"step\",\"t\":3,\"deep\":" + "[".repeat(5000) + "\n");
    append("{\"event\":\"step\",\"t\":4}\n");
    try (EventFile file = new EventFile(path)) {
      read(file);
      assertThat(seen).containsExactly(1L, 4L);
      assertThat(file.badLines()).isEqualTo(6);
    }
  }

  @Test
  void aLineTooLongForMemoryIsPassedOver() throws IOException {
    append("{\"event\":\"" + "x".repeat(3 << 20) + "\",\"t\":1}\n{\"event\":\"step\",\"t\":2}\n");
    try (EventFile file = new EventFile(path)) {
      while (file.read(1 << 16, event -> seen.add(event.t())) >= 1 << 16) {
        // Until the end.
      }
      assertThat(seen).containsExactly(2L);
      assertThat(file.badLines()).isEqualTo(1);
    }
  }

  @Test
  void theWritersChangeOfFileLosesNothing() throws IOException {
    append(event(1));
    try (EventFile file = new EventFile(path)) {
      read(file);
      append(event(2));
      rotate();
      append(event(3));
      read(file);
      assertThat(seen).containsExactly(1L, 2L, 3L);

      append(event(4));
      rotate();
      append(event(5));
      read(file);
      assertThat(seen).containsExactly(1L, 2L, 3L, 4L, 5L);
      assertThat(file.linesOfGoneFiles()).isEqualTo(2);
    }
  }

  @Test
  void aReaderThatComesLateBeginsWithTheOlderFile() throws IOException {
    append(event(1));
    rotate();
    append(event(2));
    try (EventFile file = new EventFile(path)) {
      read(file);
      assertThat(seen).containsExactly(1L, 2L);
    }
  }

  @Test
  void aReaderThatFellBehindReadsWhatIsLeft() throws IOException {
    append(event(1));
    try (EventFile file = new EventFile(path)) {
      read(file);
      rotate();
      append(event(2));
      rotate();
      append(event(3));
      read(file);
      assertThat(seen).containsExactly(1L, 2L, 3L);

      rotate();
      append(event(4));
      rotate();
      append(event(5));
      rotate();
      append(event(6));
      read(file);
      assertThat(seen).containsExactly(1L, 2L, 3L, 5L, 6L);
    }
  }

  @Test
  void aFileThatIsGoneHasNothingMore() throws IOException {
    append(event(1));
    try (EventFile file = new EventFile(path)) {
      read(file);
      Files.delete(path);
      read(file);
      assertThat(seen).containsExactly(1L);
    }
  }

  private static String event(int t) {
    return "{\"event\":\"step\",\"t\":" + t + "}\n";
  }

  private void read(EventFile file) throws IOException {
    file.read(1 << 20, event -> seen.add(event.t()));
  }

  private void append(String text) throws IOException {
    Files.writeString(path, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private void rotate() throws IOException {
    Path aside = directory.resolve("process-7.1.jsonl");
    Files.deleteIfExists(aside);
    Files.move(path, aside);
  }
}
