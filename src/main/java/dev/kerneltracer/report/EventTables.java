package dev.kerneltracer.report;

import dev.kerneltracer.analysis.AnalyzedTrace;
import dev.kerneltracer.analysis.CriticalPath;
import dev.kerneltracer.analysis.Gaps;
import dev.kerneltracer.analysis.MemoryTable;
import dev.kerneltracer.trace.Events;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The rows that one trace adds to the tables of single events.
final class EventTables {
  static final List<String> GAPS =
      List.of("device", "start_ns", "duration_ns", "cause", "operator_before", "operator_after");
  static final List<String> CRITICAL_PATH =
      List.of("step", "position", "kind", "name", "device", "start_ns", "duration_ns", "module");
  static final List<String> MEMORY =
      List.of("time_ns", "device", "allocated_bytes", "reserved_bytes", "operator");

  private final AnalyzedTrace analyzed;
  private final Events events;
  private final TextCells texts;
  private final String devicePrefix;
  private final Map<Integer, CsvFile.Text> devices = new HashMap<>();

  /// @param devicePrefix what tells the devices of one trace from those of another
  EventTables(AnalyzedTrace analyzed, String devicePrefix) {
    this.analyzed = analyzed;
    this.events = analyzed.trace().events();
    this.texts = new TextCells(analyzed.trace().strings());
    this.devicePrefix = devicePrefix;
  }

  private CsvFile.Text device(int row) {
    int device = events.device(row);
    CsvFile.Text text = devices.get(device);
    if (text == null) {
      text = CsvFile.text(devicePrefix + analyzed.trace().strings().text(device));
      devices.put(device, text);
    }
    return text;
  }

  void writeGaps(CsvFile csv) {
    Gaps gaps = analyzed.gaps();
    Map<Gaps.Cause, CsvFile.Text> causes = new EnumMap<>(Gaps.Cause.class);
    for (Gaps.Cause cause : Gaps.Cause.values()) {
      causes.put(cause, CsvFile.text(cause.text()));
    }
    for (int gap = 0; gap < gaps.size(); gap++) {
      if (analyzed.rows().has(gaps.rowAfter(gap))) {
        csv.cell(device(gaps.rowBefore(gap)))
            .cell(gaps.startNs(gap))
            .cell(gaps.durationNs(gap))
            .cell(Objects.requireNonNull(causes.get(gaps.cause(gap))))
            .cell(operator(gaps.rowBefore(gap)))
            .cell(operator(gaps.rowAfter(gap)))
            .endRow();
      }
    }
  }

  private CsvFile.Text operator(int row) {
    int operator = analyzed.links().operator(row);
    return texts.of(events.nameId(operator >= 0 ? operator : row));
  }

  void writeCriticalPath(CsvFile csv) {
    CriticalPath path = analyzed.path();
    Map<CriticalPath.Kind, CsvFile.Text> kinds = new EnumMap<>(CriticalPath.Kind.class);
    for (CriticalPath.Kind kind : CriticalPath.Kind.values()) {
      kinds.put(kind, CsvFile.text(kind.text()));
    }
    ModuleCells modules = new ModuleCells(analyzed.modules());
    for (int step = 0; step < path.stepCount(); step++) {
      boolean marked = path.stepNumber(step) >= 0;
      if (marked && !analyzed.hasStep(step)) {
        continue;
      }
      for (int piece = path.from(step); piece < path.to(step); piece++) {
        if (marked) {
          csv.cell(path.stepNumber(step));
        } else {
          csv.empty();
        }
        int row = path.row(piece);
        csv.cell((long) piece - path.from(step))
            .cell(Objects.requireNonNull(kinds.get(path.kind(piece))))
            .cell(texts.of(row < 0 ? -1 : events.nameId(row)));
        if (row >= 0 && events.category(row).isDeviceWork()) {
          csv.cell(device(row));
        } else {
          csv.empty();
        }
        csv.cell(path.startNs(piece)).cell(path.durationNs(step, piece));
        int module = row < 0 ? -1 : analyzed.modules().around(row);
        if (module < 0) {
          csv.empty();
        } else {
          csv.cell(modules.of(module));
        }
        csv.endRow();
      }
    }
  }

  void writeMemory(CsvFile csv) {
    MemoryTable memory = analyzed.memory();
    for (int i = 0; i < memory.size(); i++) {
      csv.cell(memory.timeNs(i))
          .cell(devicePrefix + memory.device(i))
          .cell(memory.allocatedBytes(i))
          .cell(memory.reservedBytes(i))
          .cell(memory.operator(i))
          .endRow();
    }
  }
}
