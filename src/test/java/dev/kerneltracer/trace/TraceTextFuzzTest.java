package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.KernelTable;
import dev.kerneltracer.analysis.OperatorTable;
import dev.kerneltracer.analysis.Totals;
import java.io.ByteArrayInputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;

/// Whatever the text, reading it ends with tables or with a reason, and with the same ones wherever
/// it is cut into segments.
@Tag("fuzz")
class TraceTextFuzzTest {
  private static final int SEGMENT = 192;

  @FuzzTest(maxDuration = "45s")
  void textReadsTheSameHoweverItIsCut(byte[] text) {
    @Nullable Trace whole = read(text, text.length + 1);
    @Nullable Trace cut = read(text, SEGMENT);
    assertThat(values(cut)).isEqualTo(values(whole));
    if (whole != null) {
      TraceLinks links = TraceLinks.of(whole);
      OperatorTable.of(whole, links);
      KernelTable.of(whole);
      assertThat(Totals.of(whole, links).events()).isLessThanOrEqualTo(text.length / 2);
    }
  }

  private static @Nullable Trace read(byte[] text, int segmentSize) {
    try {
      return TraceReader.read(new ByteArrayInputStream(text), 1, segmentSize);
    } catch (UserException e) {
      assertThat(e).hasMessageNotContaining("\n");
      return null;
    }
  }

  private static List<Object> values(@Nullable Trace trace) {
    return trace == null
        ? List.of()
        : List.of(TraceValues.rows(trace), TraceValues.others(trace), trace.trust());
  }
}
