package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import org.junit.jupiter.api.Test;

class MemoryTableTest {
  @Test
  void aReportHasTheInnermostOperatorAroundItOnItsThread() {
    Trace trace =
        new ChromeTrace()
            .operator("aten::linear", 0, 100)
            .operator("aten::empty", 10, 20)
            .operator(2, "elsewhere", 0, 1000, "")
            .memory(ChromeTrace.MAIN, 15, 0, 512, 2048)
            .memory(ChromeTrace.MAIN, 50, 0, 1024, 2048)
            .memory(ChromeTrace.MAIN, 500, -1, 7, 0)
            .read();

    MemoryTable table = MemoryTable.of(trace, TraceLinks.of(trace));

    assertThat(table.size()).isEqualTo(3);
    assertThat(table.operator(0)).isEqualTo("aten::empty");
    assertThat(table.operator(1)).isEqualTo("aten::linear");
    assertThat(table.operator(2)).isEmpty();
    assertThat(table.device(0)).isEqualTo("cuda:0");
    assertThat(table.device(2)).isEqualTo("cpu");
    assertThat(table.timeNs(0)).isEqualTo(15_000);
    assertThat(table.allocatedBytes(1)).isEqualTo(1024);
    assertThat(table.reservedBytes(1)).isEqualTo(2048);
  }
}
