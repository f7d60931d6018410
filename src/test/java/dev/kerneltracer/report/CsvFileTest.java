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

  @Test
  void numbersAreWrittenWhole() throws IOException {
    Path file = directory.resolve("numbers.csv");

    CsvFile.write(
        file,
        List.of("a", "b", "c"),
        csv -> {
          csv.cell(Long.MIN_VALUE).cell(Long.MAX_VALUE).cell(0).endRow();
          csv.cell(0.0714, 2).cell(-1.25, 1).cell(Double.NaN, 3).endRow();
          csv.cell(100.0, 1).cell(CsvFile.text("a,b")).empty().endRow();
        });

    assertThat(Files.readString(file))
        .isEqualTo(
            """
            a,b,c\r
            -9223372036854775808,9223372036854775807,0\r
            0.07,-1.2,\r
            100.0,"a,b",\r
            """);
  }

  @Test
  void aFileLargerThanTheBufferIsWhole() throws IOException {
    Path file = directory.resolve("large.csv");
    String name = "k".repeat(100_000);

    CsvFile.write(
        file,
        List.of("kernel", "calls"),
        csv -> {
          for (int i = 0; i < 20_000; i++) {
            csv.cell("kernel").cell(i).endRow();
          }
          csv.cell(name).cell(1).endRow();
        });

    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(20_002).contains("kernel,0", "kernel,19999", name + ",1");
  }

  @Test
  void aFileThatIsNotFinishedLeavesNothing() {
    try (CsvFile csv = CsvFile.open(directory.resolve("x.csv"), List.of("a"))) {
      csv.cell(1).endRow();
    }

    assertThat(directory).isEmptyDirectory();
  }
}
