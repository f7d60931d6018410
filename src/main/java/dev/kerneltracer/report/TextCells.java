package dev.kerneltracer.report;

import dev.kerneltracer.trace.StringTable;
import org.jspecify.annotations.Nullable;

/// Texts of one trace by their id, in the form of a cell.
final class TextCells {
  private final StringTable strings;
  private final CsvFile.@Nullable Text[] texts;

  TextCells(StringTable strings) {
    this.strings = strings;
    this.texts = new CsvFile.Text[strings.size() + 1];
  }

  CsvFile.Text of(int id) {
    CsvFile.Text text = texts[id + 1];
    if (text == null) {
      text = CsvFile.text(strings.text(id));
      texts[id + 1] = text;
    }
    return text;
  }
}
