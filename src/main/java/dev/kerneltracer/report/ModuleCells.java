package dev.kerneltracer.report;

import dev.kerneltracer.analysis.ModulePaths;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Module paths of one trace in the form of a cell.
final class ModuleCells {
  private final ModulePaths paths;
  private CsvFile.@Nullable Text[] texts;

  ModuleCells(ModulePaths paths) {
    this.paths = paths;
    this.texts = new CsvFile.Text[Math.max(1, paths.size())];
  }

  CsvFile.Text of(int path) {
    if (path >= texts.length) {
      texts = Arrays.copyOf(texts, Math.max(path + 1, paths.size()));
    }
    CsvFile.Text text = texts[path];
    if (text == null) {
      text = CsvFile.text(paths.text(path));
      texts[path] = text;
    }
    return text;
  }
}
