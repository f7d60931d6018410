package dev.kerneltracer.sweep;

import dev.kerneltracer.report.CsvFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// Operators of a sweep against what their device can do at most.
///
/// @param rows by batch size, in its order
/// @param turns from which batch size on a type is compute bound; without those that never are
/// @param limits null where the device's are not known: then nothing is said of what bounds
public record Roofline(List<Row> rows, Map<OpType, Integer> turns, @Nullable DeviceLimits limits) {
  /// No batch is larger: what is memory bound there counts as always memory bound.
  private static final int LARGEST_BATCH = 1 << 16;

  static final List<String> COLUMNS =
      List.of(
          "batch_size",
          "op_type",
          "time_ns",
          "flops",
          "bytes",
          "flops_per_byte",
          "bandwidth_gb_s",
          "tflops",
          "bound",
          "share_of_limit");
  static final List<String> TURN_COLUMNS =
      List.of("op_type", "compute_bound_from_batch", "first_measured_batch");

  public Roofline {
    rows = List.copyOf(rows);
    turns = Map.copyOf(turns);
  }

  /// What bounds an operator.
  public enum Bound {
    MEMORY,
    COMPUTE
  }

  /// One operator at one batch size.
  ///
  /// @param timeNs as measured
  /// @param bound null where the limits are not known
  /// @param shareOfLimit the least time that the limits allow over the measured one; 0 where they
  ///   are not known
  public record Row(
      int batch,
      OpType type,
      long timeNs,
      double flops,
      double bytes,
      @Nullable Bound bound,
      double shareOfLimit) {
    public double intensity() {
      return bytes == 0 ? 0 : flops / bytes;
    }

    /// 10⁹ bytes/s.
    public double bandwidthGbS() {
      return bytes / timeNs;
    }

    /// 10¹² operations/s.
    public double tflops() {
      return flops / timeNs / 1e3;
    }
  }

  /// The times of one batch size.
  record Measured(int batch, double tokensEach, Map<OpType, Long> timesNs) {}

  /// @param sizes in order of their batch
  /// @param elementBytes as in [OperatorWork#of]
  static Roofline of(
      ModelShape model,
      SweepPhase phase,
      List<Measured> sizes,
      int elementBytes,
      int ranks,
      @Nullable DeviceLimits limits) {
    List<Row> rows = new ArrayList<>();
    for (Measured size : sizes) {
      Map<OpType, OperatorWork> work =
          OperatorWork.of(model, phase, size.batch(), size.tokensEach(), elementBytes, ranks);
      for (Map.Entry<OpType, OperatorWork> entry : work.entrySet()) {
        long time = size.timesNs().getOrDefault(entry.getKey(), 0L);
        if (time > 0) {
          rows.add(row(size.batch(), entry.getKey(), time, entry.getValue(), limits));
        }
      }
    }
    Map<OpType, Integer> turns = new EnumMap<>(OpType.class);
    if (limits != null && !sizes.isEmpty()) {
      double tokensEach = sizes.getLast().tokensEach();
      for (OpType type : OpType.values()) {
        int turn = turn(model, phase, type, tokensEach, elementBytes, limits);
        if (turn > 0) {
          turns.put(type, turn);
        }
      }
    }
    return new Roofline(rows, turns, limits);
  }

  private static Row row(
      int batch, OpType type, long timeNs, OperatorWork work, @Nullable DeviceLimits limits) {
    if (limits == null) {
      return new Row(batch, type, timeNs, work.flops(), work.bytes(), null, 0);
    }
    double memoryNs = work.bytes() / limits.bandwidthGbS();
    double computeNs = work.flops() / limits.tflops() / 1e3;
    Bound bound = computeNs >= memoryNs ? Bound.COMPUTE : Bound.MEMORY;
    return new Row(
        batch,
        type,
        timeNs,
        work.flops(),
        work.bytes(),
        bound,
        Math.max(memoryNs, computeNs) / timeNs);
  }

  /// The least batch size with which an operator has as many operations for each byte as the
  /// device's ridge; 0 for none. It only grows with the batch, so it is found by halving.
  private static int turn(
      ModelShape model,
      SweepPhase phase,
      OpType type,
      double tokensEach,
      int elementBytes,
      DeviceLimits limits) {
    int low = 0;
    int high = LARGEST_BATCH + 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      OperatorWork work =
          OperatorWork.of(model, phase, middle, tokensEach, elementBytes, 1)
              .getOrDefault(type, OperatorWork.NONE);
      if (work.intensity() >= limits.ridge()) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high > LARGEST_BATCH ? 0 : high;
  }

  /// The first batch size of the sweep at which an operator was compute bound.
  public OptionalInt firstMeasured(OpType type) {
    return rows.stream()
        .filter(row -> row.type() == type && row.bound() == Bound.COMPUTE)
        .mapToInt(Row::batch)
        .findFirst();
  }

  /// Writes `roofline.csv` and, where the limits are known, `turning_points.csv`.
  void write(Path directory) {
    CsvFile.replace(
        directory.resolve("roofline.csv"),
        COLUMNS,
        file -> {
          for (Row row : rows) {
            file.cell(row.batch()).cell(row.type().text()).cell(row.timeNs());
            file.cell(Math.round(row.flops())).cell(Math.round(row.bytes()));
            file.cell(row.intensity(), 3).cell(row.bandwidthGbS(), 3).cell(row.tflops(), 6);
            if (row.bound() == null) {
              file.empty().empty();
            } else {
              file.cell(row.bound() == Bound.COMPUTE ? "compute" : "memory");
              file.cell(row.shareOfLimit(), 4);
            }
            file.endRow();
          }
        });
    if (limits == null) {
      return;
    }
    CsvFile.replace(
        directory.resolve("turning_points.csv"),
        TURN_COLUMNS,
        file -> {
          for (OpType type : OpType.values()) {
            if (rows.stream().noneMatch(row -> row.type() == type)) {
              continue;
            }
            Integer turn = turns.get(type);
            file.cell(type.text());
            if (turn == null) {
              file.empty();
            } else {
              file.cell(turn);
            }
            OptionalInt first = firstMeasured(type);
            if (first.isPresent()) {
              file.cell(first.getAsInt());
            } else {
              file.empty();
            }
            file.endRow();
          }
        });
  }
}
