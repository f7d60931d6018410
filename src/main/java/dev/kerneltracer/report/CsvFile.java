package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Writes CSV files as RFC 4180 has them: UTF-8, a header, lines that end with CR LF, cells with a
/// comma, a quote or a line break in quotes.
///
/// A file of many rows is written cell by cell, with no object for a number; [#text] gives a name
/// that stands in many rows the form in which it costs no more than a copy. A file that is opened
/// takes its name by [#finish]; [#close] without that leaves nothing. One that grows has its name
/// from the beginning, is read by others meanwhile, and ends its lines with LF alone, since awk
/// would take the CR for a part of the last cell.
public final class CsvFile implements AutoCloseable {
  private static final int LONGEST_NUMBER = 24;
  private static final long BILLION = 1_000_000_000;

  // A tenth of a number below 2^32, exactly: Granlund and Montgomery, Division by Invariant
  // Integers.
  private static final long TENTH = 0xCCCCCCCDL;
  private static final int TENTH_SHIFT = 35;

  private static final byte[] NOTHING = {};
  private static final byte[] CR_LF = {'\r', '\n'};
  private static final byte[] LF = {'\n'};

  private final Target file;
  private final byte[] lineEnd;
  private final int columns;
  private final byte[] digits = new byte[LONGEST_NUMBER];
  private byte[] buffer = new byte[1 << 16];
  private int used;
  private int cells;

  private CsvFile(Target file, int columns, byte[] lineEnd) {
    this.file = file;
    this.columns = columns;
    this.lineEnd = lineEnd;
  }

  /// Where rows go.
  private sealed interface Target {
    void add(AtomicFile.Content content);

    void finish();

    void close();
  }

  private record Whole(AtomicFile file) implements Target {
    @Override
    public void add(AtomicFile.Content content) {
      file.add(content);
    }

    @Override
    public void finish() {
      file.finish();
    }

    @Override
    public void close() {
      file.close();
    }
  }

  private record Growing(Path path, OutputStream out) implements Target {
    @Override
    public void add(AtomicFile.Content content) {
      try {
        content.writeTo(out);
        out.flush();
      } catch (IOException e) {
        throw AtomicFile.failure(path, e);
      }
    }

    @Override
    public void finish() {
      close();
    }

    @Override
    public void close() {
      try {
        out.close();
      } catch (IOException e) {
        throw AtomicFile.failure(path, e);
      }
    }
  }

  /// What fills the file below its header.
  @FunctionalInterface
  public interface Rows {
    void writeTo(CsvFile file);
  }

  /// The text of a cell as it stands in the file.
  public static final class Text {
    private final byte[] bytes;

    private Text(byte[] bytes) {
      this.bytes = bytes;
    }
  }

  /// Begins a file and writes its header.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written; so for all that follows
  public static CsvFile open(Path target, List<String> header) {
    CsvFile file = new CsvFile(new Whole(AtomicFile.open(target)), header.size(), CR_LF);
    file.row(header.toArray());
    return file;
  }

  /// Begins a file that others read while it grows, in place of one that stands there. Rows are
  /// seen from the next [#flush] on. Its directory must be there.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written; so for all that follows
  public static CsvFile grow(Path target, List<String> header) {
    try {
      CsvFile file =
          new CsvFile(new Growing(target, Files.newOutputStream(target)), header.size(), LF);
      file.row(header.toArray());
      file.flush();
      return file;
    } catch (IOException e) {
      throw AtomicFile.failure(target, e);
    }
  }

  /// Writes a whole file whose lines end with LF, or none. Its directory must be there.
  public static void replace(Path target, List<String> header, Rows rows) {
    try (CsvFile file = new CsvFile(new Whole(AtomicFile.openBeside(target)), header.size(), LF)) {
      file.row(header.toArray());
      rows.writeTo(file);
      file.finish();
    }
  }

  /// Writes a whole file, or none.
  public static void write(Path target, List<String> header, Rows rows) {
    try (CsvFile file = open(target, header)) {
      rows.writeTo(file);
      file.finish();
    }
  }

  /// Writes one row; the cells' text is their `toString`.
  public void row(Object... texts) {
    for (Object text : texts) {
      cell(text.toString());
    }
    endRow();
  }

  /// The form of a text in which it is quickly written many times.
  public static Text text(String text) {
    boolean quoted = false;
    for (int i = 0; i < text.length() && !quoted; i++) {
      char c = text.charAt(i);
      quoted = c == ',' || c == '"' || c == '\n' || c == '\r';
    }
    String cell = quoted ? "\"" + text.replace("\"", "\"\"") + "\"" : text;
    return new Text(cell.getBytes(StandardCharsets.UTF_8));
  }

  public CsvFile cell(String text) {
    return bytes(text.isEmpty() ? NOTHING : text(text).bytes);
  }

  public CsvFile cell(Text text) {
    return bytes(text.bytes);
  }

  public CsvFile empty() {
    return bytes(NOTHING);
  }

  private CsvFile bytes(byte[] bytes) {
    begin(bytes.length);
    System.arraycopy(bytes, 0, buffer, used, bytes.length);
    used += bytes.length;
    return this;
  }

  public CsvFile cell(long number) {
    begin(LONGEST_NUMBER);
    number(number, 0);
    return this;
  }

  /// A number with a fixed count of decimals, rounded; an empty cell for what is no finite number.
  ///
  /// @param decimals 1 to 9
  public CsvFile cell(double number, int decimals) {
    double scaled = number * Math.pow(10, decimals);
    if (!(Math.abs(scaled) < 1e18)) {
      return empty();
    }
    begin(LONGEST_NUMBER);
    number(Math.round(scaled), decimals);
    return this;
  }

  private void number(long number, int decimals) {
    int at = LONGEST_NUMBER;
    int written = 0;
    long above = number;
    do {
      // Nine digits with one division of longs, and those by multiplying: dividing is slow.
      long higher = above / BILLION;
      int nine = Math.abs((int) (above - higher * BILLION));
      above = higher;
      for (int i = 0; i < 9 && (nine != 0 || above != 0 || written <= decimals); i++) {
        int tenth = (int) ((nine * TENTH) >>> TENTH_SHIFT);
        digits[--at] = (byte) ('0' + nine - tenth * 10);
        nine = tenth;
        if (++written == decimals) {
          digits[--at] = '.';
        }
      }
    } while (above != 0 || written <= decimals);
    if (number < 0) {
      digits[--at] = '-';
    }
    System.arraycopy(digits, at, buffer, used, LONGEST_NUMBER - at);
    used += LONGEST_NUMBER - at;
  }

  /// Makes room for a cell with what stands before and after it, and writes the comma before it.
  private void begin(int length) {
    if (used + length + 3 > buffer.length) {
      flush();
      if (length + 3 > buffer.length) {
        buffer = new byte[length + 3];
      }
    }
    if (cells++ > 0) {
      buffer[used++] = ',';
    }
  }

  public void endRow() {
    if (cells != columns) {
      throw new IllegalArgumentException(cells + " cells for " + columns + " columns");
    }
    cells = 0;
    for (byte end : lineEnd) {
      buffer[used++] = end;
    }
  }

  /// Hands over what has been written so far.
  public void flush() {
    if (used > 0) {
      int length = used;
      used = 0; // what a full disk refuses is not tried again
      file.add(out -> out.write(buffer, 0, length));
    }
  }

  /// Gives the file its name: it is whole.
  public void finish() {
    flush();
    file.finish();
  }

  /// Removes what is not finished.
  @Override
  public void close() {
    file.close();
  }
}
