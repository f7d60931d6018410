package dev.kerneltracer.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CsvFileTest {
  @TempDir Path directory;

  @Test
  void cellsWithCommasQuotesAndLineBreaksAreQuoted() throws IOException {
    Path file = directory.resolve("kernels.csv");

    CsvFile.write(
        file,
        List.of("kernel", "calls"),
        csv -> {
          csv.row("void f<int, 4>(\"x\")", 12L);
          csv.row("a\nb", "");
          csv.row("plain", 1);
        });

    assertThat(Files.readString(file))
        .isEqualTo("kernel,calls\r\n\"void f<int, 4>(\"\"x\"\")\",12\r\n\"a\nb\",\r\nplain,1\r\n");
  }
}
