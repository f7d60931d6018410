package dev.kerneltracer.tracer;

import dev.kerneltracer.analysis.DeviceWork;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.Totals;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import dev.kerneltracer.trace.Trust;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;

/// The result files of a profiling tracer, made from its trace: `<prefix>_profile.json`,
/// `<prefix>_kernel_profile.json` and `<prefix>_kernel_profile.csv`.
///
/// `<prefix>_profile.json` is what the earlier tool wrote from torch.profiler's `key_averages`: per
/// operator a list with one entry for each input shapes and stack (prefix `vllm`: one object, all
/// calls together). Times are µs; `cuda_time_total` is of the operator and all it calls. The
/// deviations from torch.profiler are told at [OperatorTable].
public final class ProfileFiles {
  private ProfileFiles() {}

  /// What was found in the trace, so that nobody need read it again.
  ///
  /// @param files the files written
  public record Profile(
      Trust trust,
      Totals totals,
      OperatorTable operators,
      KernelTable kernels,
      Steps steps,
      List<Path> files)
      implements Findings {
    public Profile {
      files = List.copyOf(files);
    }
  }

  /// What a trace holds, with no file written.
  ///
  /// @throws dev.kerneltracer.UserException where the trace cannot be read
  public static Profile read(Path trace) {
    Trace read = TraceReader.read(trace);
    TraceLinks links = TraceLinks.of(read);
    return profile(read, links, OperatorTable.of(read, links), List.of());
  }

  /// Reads a trace and writes its result files into `directory`.
  ///
  /// @param prefix `torch`, or `vllm`
  /// @throws dev.kerneltracer.UserException where the trace cannot be read or a file not be written
  public static Profile write(Path trace, Path directory, String prefix) {
    Trace read = TraceReader.read(trace);
    TraceLinks links = TraceLinks.of(read);
    OperatorTable operators = OperatorTable.of(read, links);
    Path profile = directory.resolve(prefix + "_profile.json");
    Path kernelProfile = directory.resolve(prefix + "_kernel_profile.json");
    Path kernelCounts = directory.resolve(prefix + "_kernel_profile.csv");
    writeProfile(profile, operators, prefix.equals("vllm"));
    KernelProfile kernels = new KernelProfile(read, links);
    kernels.writeJson(kernelProfile);
    kernels.writeCsv(kernelCounts);
    return profile(read, links, operators, List.of(profile, kernelProfile, kernelCounts));
  }

  private static Profile profile(
      Trace read, TraceLinks links, OperatorTable operators, List<Path> files) {
    DeviceWork work = DeviceWork.of(read);
    return new Profile(
        read.trust(),
        Totals.of(read, links, work),
        operators,
        KernelTable.of(read),
        Steps.of(read, links, work),
        files);
  }

  private static void writeProfile(Path file, OperatorTable operators, boolean oneObject) {
    OperatorTable table = oneObject ? operators.byOperator() : operators;
    Map<String, List<OperatorTable.Row>> byName = new LinkedHashMap<>();
    for (OperatorTable.Row row : table.rows()) {
      byName.computeIfAbsent(row.operator(), _ -> new ArrayList<>()).add(row);
    }
    JsonFile.write(
        file,
        json -> {
          json.writeStartObject();
          byName.forEach((name, rows) -> {
            json.writeName(name);
            if (oneObject) {
              writeEntry(json, rows.getFirst());
            } else {
              json.writeStartArray();
              rows.forEach(row -> writeEntry(json, row));
              json.writeEndArray();
            }
          });
          json.writeEndObject();
        });
  }

  private static void writeEntry(JsonGenerator json, OperatorTable.Row row) {
    json.writeStartObject();
    json.writeNumberProperty("count", row.calls());
    json.writeNumberProperty("cpu_time_total", micros(row.cpuTotalNs()));
    json.writeNumberProperty("cuda_time_total", micros(row.deviceTotalNs()));
    json.writeNumberProperty("self_cpu_time_total", micros(row.cpuSelfNs()));
    json.writeName("input_shapes");
    writeShapes(json, row.inputShapes());
    json.writeName("stack");
    json.writeStartArray();
    row.stack().forEach(json::writeString);
    json.writeEndArray();
    json.writeEndObject();
  }

  /// Shapes are JSON in the trace already; only numbers and brackets are passed on as they are.
  private static void writeShapes(JsonGenerator json, String shapes) {
    if (shapes.isEmpty()) {
      json.writeStartArray();
      json.writeEndArray();
    } else if (isShapes(shapes)) {
      json.writeRawValue(shapes);
    } else {
      json.writeString(shapes);
    }
  }

  private static boolean isShapes(String text) {
    for (int i = 0; i < text.length(); i++) {
      if ("[]0123456789, -".indexOf(text.charAt(i)) < 0) {
        return false;
      }
    }
    return text.charAt(0) == '[';
  }

  /// Nanoseconds as exact decimal microseconds.
  static BigDecimal micros(long nanoseconds) {
    return BigDecimal.valueOf(nanoseconds, 3);
  }
}
