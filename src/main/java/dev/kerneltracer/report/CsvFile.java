package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// Writes CSV files as RFC 4180 has them: UTF-8, a header, lines that end with CR LF, cells with a
/// comma, a quote or a line break in quotes.
public final class CsvFile {
  private final Writer out;
  private final int columns;

  private CsvFile(Writer out, int columns) {
    this.out = out;
    this.columns = columns;
  }

  /// What fills the file below its header.
  @FunctionalInterface
  public interface Rows {
    void writeTo(CsvFile file) throws IOException;
  }

  /// Writes a whole file, or none.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void write(Path target, List<String> header, Rows rows) {
    AtomicFile.write(
        target,
        stream -> {
          Writer out = new BufferedWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8));
          CsvFile file = new CsvFile(out, header.size());
          file.row(header.toArray());
          rows.writeTo(file);
          out.flush();
        });
  }

  /// Writes one row; the cells' text is their `toString`.
  public void row(Object... cells) throws IOException {
    if (cells.length != columns) {
      throw new IllegalArgumentException(cells.length + " cells for " + columns + " columns");
    }
    for (int i = 0; i < cells.length; i++) {
      if (i > 0) {
        out.write(',');
      }
      cell(cells[i].toString());
    }
    out.write("\r\n");
  }

  private void cell(String text) throws IOException {
    boolean quoted = false;
    for (int i = 0; i < text.length() && !quoted; i++) {
      char c = text.charAt(i);
      quoted = c == ',' || c == '"' || c == '\n' || c == '\r';
    }
    out.write(quoted ? "\"" + text.replace("\"", "\"\"") + "\"" : text);
  }
}
