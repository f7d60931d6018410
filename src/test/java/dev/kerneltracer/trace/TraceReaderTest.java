package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceReaderTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "4470100847010.528, 4470100847010528",
    "2195.120, 2195120",
    "13, 13000",
    "0.5, 500",
    "-1.25, -1250",
    "1.0006, 1001",
    "1.5e3, 1500000",
    "9223372036854775.807, 9223372036854775807",
  })
  void timesAreReadExactlyFromTheirText(String micros, long nanoseconds) {
    byte[] text = micros.getBytes(StandardCharsets.UTF_8);

    assertThat(DecimalNumber.nanoseconds(text, 0, text.length)).isEqualTo(nanoseconds);
  }

  @ParameterizedTest
  @CsvSource({
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "9223372036854775.808",
    "x",
    "1e-999999999999"
  })
  void whatIsNoTimeWithinALongIsUnusable(String micros) {
    byte[] text = micros.getBytes(StandardCharsets.UTF_8);

    assertThat(DecimalNumber.nanoseconds(text, 0, text.length)).isEqualTo(DecimalNumber.UNUSABLE);
  }

  @Test
  void aBareArrayOfOldKinetoIsATrace() throws IOException {
    Trace trace =
        read(
            """
            [
              {"ph": "X", "cat": "Operator", "name": "aten::empty", "pid": 1, "tid": "4093687616",
               "ts": 1606910596297023, "dur": 13, "args": {"Input dims": [[], [2]], "External id": 2}},
              {"ph": "X", "cat": "Kernel", "name": "k", "pid": 0, "tid": "stream 7",
               "ts": 1606910596297030, "dur": 1, "args": {"external id": "2"}}
            ]
            """);

    Events events = trace.events();
    assertThat(events.category(0)).isEqualTo(Category.OPERATOR);
    assertThat(trace.strings().text(events.inputDims(0))).isEqualTo("[[], [2]]");
    assertThat(events.category(1)).isEqualTo(Category.KERNEL);
    assertThat(trace.strings().text(events.stream(1))).isEqualTo("7");
    assertThat(TraceLinks.of(trace).operator(1)).isEqualTo(0);
    assertThat(trace.trust().complete()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "kernel, KERNEL",
    "Kernel, KERNEL",
    "KERNEL, OTHER",
    "Memcpy, MEMCPY",
    "gpu_memset, MEMSET",
    "Operator, OPERATOR",
    "trace, OTHER",
    "CUDA_Driver, RUNTIME",
    "Runtime, RUNTIME",
    "privateuse1_runtime, RUNTIME"
  })
  void onlyRuntimeRowsMayBeNamedInAnyCase(String text, Category category) {
    assertThat(Category.of(text)).isEqualTo(category);
  }

  @Test
  void halfASurrogatePairIsNoCharacter() throws IOException {
    Trace trace = read("[{\"ph\": \"X\", \"name\": \"a\\ud800b\", \"ts\": 1, \"dur\": 1}]");

    assertThat(trace.events().name(0)).isEqualTo("a\uFFFDb");
  }

  @Test
  void metadataMayComeBeforeAndAfterTheEvents() throws IOException {
    Trace trace =
        read(
            """
            {"metadata": {"traceEvents": "no"}, "with_stack": 1,
             "traceEvents": [{"ph": "X", "name": "a", "ts": 1, "dur": 1}],
             "deviceProperties": [{"id": 0, "name": "NVIDIA H200", "numSms": 132}],
             "distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8, "pg": [{"a": 1}]},
             "cuda_driver_version": 13000, "hip_runtime_version": "7.1"}
            """);

    assertThat(trace.eventCount()).isEqualTo(1);
    assertThat(trace.metadata().withStack()).isTrue();
    assertThat(trace.metadata().recordShapes()).isFalse();
    assertThat(trace.metadata().devices().getFirst().name()).isEqualTo("NVIDIA H200");
    assertThat(trace.metadata().devices().getFirst().number("numSms")).hasValue(132);
    assertThat(trace.metadata().rank()).hasValue(3);
    assertThat(trace.metadata().worldSize()).hasValue(8);
    assertThat(trace.metadata().versions())
        .containsEntry("cuda_driver_version", "13000")
        .containsEntry("hip_runtime_version", "7.1");
  }

  @Test
  void namesAreUnescapedAndArgumentsMayStandFirst() throws IOException {
    Trace trace =
        read(
            """
            {"traceEvents": [{"args": {"stream": "7", "device": 2, "grid": [4, 1, 1]},
             "name": "a\\"\\u00e9\\ud83d\\ude00\\\\b", "dur": 1, "ts": 2, "cat": "kernel", "ph": "X",
             "pid": "x", "tid": -1}]}
            """);

    Events events = trace.events();
    assertThat(events.name(0)).isEqualTo("a\"é😀\\b");
    assertThat(trace.strings().text(events.stream(0))).isEqualTo("7");
    assertThat(trace.strings().text(events.device(0))).isEqualTo("2");
    assertThat(trace.strings().text(events.grid(0))).isEqualTo("[4, 1, 1]");
  }

  private Trace read(String text) throws IOException {
    return TraceReader.read(Files.writeString(directory.resolve("trace.json"), text));
  }
}
