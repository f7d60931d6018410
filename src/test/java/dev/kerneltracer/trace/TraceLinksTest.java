package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceLinksTest {
  @TempDir Path directory;

  @Test
  void aDriverLaunchIsJoinedLikeAnyOther() throws IOException {
    Trace trace = read(operator("mm", 5, 0, 9), launch("cuda_driver", 7, "5", 1), kernel(7, "5"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.launch(2)).isEqualTo(1);
    assertThat(links.operator(2)).isEqualTo(0);
    assertThat(links.kernelsJoinedById()).isEqualTo(1);
  }

  @Test
  void idsMayBeTextAndLargerThanALong() throws IOException {
    String id = "18446744073709551615";
    Trace trace =
        read(
            operator("mm", 5, 0, 9).replace(":5}", ":\"" + id + "\"}"),
            launch("cuda_runtime", 7, id, 1),
            kernel(7, "\"" + id + "\"").replace(":7,", ":\"7\","));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.launch(2)).isEqualTo(1);
    assertThat(links.operator(2)).isEqualTo(0);
  }

  @Test
  void whereIdsAreCorrelationsTimeDecides() throws IOException {
    Trace trace =
        read(
            operator("outer", 100, 0, 50),
            operator("inner", 101, 10, 20),
            operator("elsewhere", 7, 60, 70),
            launch("cuda_runtime", 7, "7", 12),
            kernel(7, "7"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.idsAreCorrelations()).isTrue();
    assertThat(links.operator(4)).isEqualTo(1);
    assertThat(links.operator(1)).isEqualTo(0);
    assertThat(links.kernelsJoinedById()).isZero();
  }

  @Test
  void aLaunchWithoutAnIdBelongsToTheOperatorAroundItOnItsThread() throws IOException {
    Trace trace =
        read(
            operator("mm", 5, 0, 9),
            launch("cuda_runtime", 7, "0", 4),
            launch("cuda_runtime", 8, "0", 4).replace("\"tid\":1", "\"tid\":2"),
            kernel(7, "0"),
            kernel(8, "0"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.operator(3)).isEqualTo(0);
    assertThat(links.operator(4)).isEqualTo(-1);
  }

  @Test
  void aKernelWithoutItsLaunchStandsAlone() throws IOException {
    Trace trace = read(operator("mm", 5, 0, 9), kernel(3, "0"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.launch(1)).isEqualTo(-1);
    assertThat(links.operator(1)).isEqualTo(-1);
    assertThat(links.module(1)).isEqualTo(-1);
  }

  @Test
  void aKernelHasTheModuleAndTheAnnotationAroundItsLaunch() throws IOException {
    Trace trace =
        read(
            row("user_annotation", "step", 0, 100, ""),
            row("python_function", "nn.Module: Llama_0", 5, 90, ""),
            row("python_function", "nn.Module: Linear_3", 10, 30, ""),
            row("python_function", "linear.py(1): forward", 11, 29, ""),
            operator("mm", 5, 12, 20),
            launch("cuda_runtime", 7, "5", 13),
            kernel(7, "5"));

    TraceLinks links = TraceLinks.of(trace);

    assertThat(links.module(6)).isEqualTo(2);
    assertThat(links.module(4)).isEqualTo(2);
    assertThat(links.python(4)).isEqualTo(3);
    assertThat(links.python(3)).isEqualTo(2);
    assertThat(links.annotation(6)).isEqualTo(0);
  }

  private static String operator(String name, int id, int start, int end) {
    return row("cpu_op", name, start, end, "\"External id\":" + id);
  }

  private static String launch(String category, int correlation, String id, int start) {
    String arguments = "\"External id\":" + id + ",\"correlation\":" + correlation;
    return row(category, "launch", start, start + 1, arguments);
  }

  private static String kernel(int correlation, String id) {
    String arguments = "\"correlation\":" + correlation + ",\"External id\":" + id;
    return row("kernel", "k", 200, 210, arguments);
  }

  private static String row(String category, String name, int start, int end, String arguments) {
    return "{\"ph\":\"X\",\"cat\":\""
        + category
        + "\",\"name\":\""
        + name
        + "\",\"pid\":1,\"tid\":1,\"ts\":"
        + start
        + ",\"dur\":"
        + (end - start)
        + ",\"args\":{"
        + arguments
        + "}}";
  }

  private Trace read(String... rows) throws IOException {
    return TraceReader.read(
        Files.writeString(directory.resolve("trace.json"), "[" + String.join(",", rows) + "]"));
  }
}
