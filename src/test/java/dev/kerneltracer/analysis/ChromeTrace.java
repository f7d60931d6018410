package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// Writes small traces as Kineto does, each for one situation. Times are microseconds.
final class ChromeTrace {
  static final int MAIN = 1;

  private final List<String> rows = new ArrayList<>();
  private int correlation = 100;

  ChromeTrace operator(String name, int start, int end) {
    return operator(MAIN, name, start, end, "");
  }

  ChromeTrace operator(int thread, String name, int start, int end, String arguments) {
    return host("cpu_op", thread, name, start, end, arguments);
  }

  ChromeTrace annotation(int thread, String name, int start, int end) {
    return host("user_annotation", thread, name, start, end, "");
  }

  ChromeTrace python(String name, int start, int end) {
    return host("python_function", MAIN, name, start, end, "");
  }

  ChromeTrace call(String name, int start, int end) {
    return host("cuda_runtime", MAIN, name, start, end, "");
  }

  /// A call that launches one kernel on stream 7 of device 0.
  ChromeTrace launch(int start, int end, String kernel, int kernelStart, int kernelEnd) {
    return launch(MAIN, "cudaLaunchKernel", start, end)
        .work("kernel", kernel, 0, 7, kernelStart, kernelEnd);
  }

  /// A call; [#work] that follows is its.
  ChromeTrace launch(int thread, String name, int start, int end) {
    correlation++;
    return host("cuda_runtime", thread, name, start, end, "\"correlation\":" + correlation);
  }

  ChromeTrace work(String category, String name, int device, int stream, int start, int end) {
    return work(category, name, device, stream, start, end, "");
  }

  ChromeTrace work(
      String category, String name, int device, int stream, int start, int end, String more) {
    String arguments =
        "\"device\":" + device + ",\"stream\":" + stream + ",\"correlation\":" + correlation;
    return row(
        category, device, stream, name, start, end, arguments + (more.isEmpty() ? "" : "," + more));
  }

  ChromeTrace flow(String phase, int id, int thread, int time) {
    rows.add(
        "{\"ph\":\"%s\",\"cat\":\"fwdbwd\",\"name\":\"fwdbwd\",\"id\":%d,\"pid\":50,\"tid\":%d,\"ts\":%d}"
            .formatted(phase, id, thread, time));
    return this;
  }

  ChromeTrace memory(int thread, int time, int device, long allocated, long reserved) {
    rows.add(
        ("{\"ph\":\"i\",\"cat\":\"cpu_instant_event\",\"name\":\"[memory]\",\"pid\":50,\"tid\":%d,\"ts\":%d,"
                + "\"args\":{\"Total Allocated\":%d,\"Total Reserved\":%d,\"Bytes\":1,"
                + "\"Device Type\":%d,\"Device Id\":%d}}")
            .formatted(thread, time, allocated, reserved, device < 0 ? 0 : 1, device));
    return this;
  }

  private ChromeTrace host(
      String category, int thread, String name, int start, int end, String arguments) {
    return row(category, 50, thread, name, start, end, arguments);
  }

  private ChromeTrace row(
      String category, int process, int thread, String name, int start, int end, String arguments) {
    rows.add(
        "{\"ph\":\"X\",\"cat\":\"%s\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%d,\"dur\":%d,\"args\":{%s}}"
            .formatted(category, name, process, thread, start, end - start, arguments));
    return this;
  }

  Trace read() {
    return read(UnaryOperator.identity());
  }

  /// Reads the trace after its text was changed.
  Trace read(UnaryOperator<String> change) {
    try {
      Path file = Files.createTempFile("chrome", ".json");
      try {
        Files.writeString(file, change.apply("[" + String.join(",\n", rows) + "]"));
        return TraceReader.read(file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
