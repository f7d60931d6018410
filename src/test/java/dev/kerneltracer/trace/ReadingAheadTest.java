package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Where the text is cut into segments, and by how many threads they are read, is nothing that a
/// trace may show. The truth is the same text in one segment: then nothing is read ahead.
class ReadingAheadTest {
  private static final int EVENTS = 400;
  static final List<String> TRACES = TestTraces.OWN;

  private final Random random = new Random(46);

  @ParameterizedTest
  @FieldSource("TRACES")
  void aRealTraceReadsTheSameByAnyNumberOfThreads(String name) {
    byte[] text = TestTraces.text(name);
    for (int threads = 1; threads <= 4; threads++) {
      assertReadsTheSame(text, threads, random.nextInt(1 << 14, 1 << 19));
    }
  }

  @Test
  void whereverTheTextIsCutItReadsTheSame() {
    byte[] text = Arrays.copyOf(TestTraces.text("tp_rank0"), 40_000);
    for (int size = 60; size < 1500; size += 7) {
      assertReadsTheSame(text, 2, size);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"minified", "spaced", "indented", "crlf", "tabs", "shuffled"})
  void anyLayoutReadsTheSame(String layout) {
    byte[] text = document(layout, UnaryOperator.identity());
    for (int size : new int[] {50, 333, 1000, 4096}) {
      Trace trace = assertReadsTheSame(text, 3, size);
      assertThat(trace.events().size()).isEqualTo(EVENTS);
      assertThat(trace.trust().complete()).isTrue();
    }
  }

  @Test
  void textThatLooksLikeEventsWithinStringsIsNone() {
    String lookalike = "}, {\\\"ph\\\":\\\"X\\\"}, {[{},{},{\\\\\\\"";
    byte[] text =
        document("spaced", event -> event.replace("kernel_", lookalike.repeat(3) + "kernel_"));
    for (int size = 40; size < 700; size += 13) {
      Trace trace = assertReadsTheSame(text, 2, size);
      assertThat(trace.events().size()).isEqualTo(EVENTS);
    }
  }

  @Test
  void nestedListsOfObjectsAreNoEvents() {
    String nested = "\"args\":{\"list\":[{\"ph\":\"X\"},{\"ph\":\"X\"},{\"a\":[{},{}]}],";
    byte[] text = document("minified", event -> event.replace("\"args\":{", nested));
    for (int size = 40; size < 700; size += 13) {
      assertThat(assertReadsTheSame(text, 2, size).events().size()).isEqualTo(EVENTS);
    }
  }

  /// Found by fuzzing: the place of the last fault was not moved with the window.
  @Test
  void manyFaultsBeforeACutReadTheSame() throws IOException {
    String input =
        "TraceTextFuzzTestInputs/textReadsTheSameHoweverItIsCut/many-faults-before-a-cut";
    try (InputStream in = getClass().getResourceAsStream(input)) {
      byte[] text = Objects.requireNonNull(in).readAllBytes();
      for (int size = 40; size < 2000; size += 19) {
        assertReadsTheSame(text, 1, size);
      }
    }
  }

  @Test
  void eventsLargerThanManySegmentsReadTheSame() {
    byte[] text =
        document("spaced", event -> event.replace("kernel_7", "kernel_7" + "y".repeat(20_000)));

    Trace trace = assertReadsTheSame(text, 3, 500);

    assertThat(trace.events().size()).isEqualTo(EVENTS);
    assertThat(trace.trust().complete()).isTrue();
  }

  @Test
  void damageAtEveryPlaceReadsTheSame() {
    byte[] whole = Arrays.copyOf(TestTraces.text("cuda_graph_replay"), 12_000);
    byte[] damage = "\\{}[]\",:x\u0001\u00C3".getBytes(StandardCharsets.ISO_8859_1);
    for (int at = 3000; at < 4000; at++) {
      byte[] text = whole.clone();
      text[at] = damage[at % damage.length];
      assertReadsTheSame(text, 2, 250 + at % 200);
    }
  }

  @Test
  void manyFaultsInManySegmentsAreAllLocated() {
    UnaryOperator<String> everyOther = event -> event.replaceAll("kernel_[02468]", "bad\\\\x");
    byte[] text = document("spaced", everyOther);

    Trace trace = assertReadsTheSame(text, 2, 300);

    assertThat(trace.events().size()).isEqualTo(EVENTS / 2);
    assertThat(trace.trust().damageCount()).isEqualTo(EVENTS / 2);
    assertThat(trace.trust().damage())
        .hasSize(100)
        .allSatisfy(fault -> assertThat(text[(int) fault.offset()]).isEqualTo((byte) '\\'));
  }

  private static Trace assertReadsTheSame(byte[] text, int threads, int segmentSize) {
    Trace expected = read(text, 1, text.length + 1);
    Trace trace = read(text, threads, segmentSize);
    assertThat(TraceValues.rows(trace)).isEqualTo(TraceValues.rows(expected));
    assertThat(TraceValues.threads(trace)).isEqualTo(TraceValues.threads(expected));
    assertThat(TraceValues.others(trace)).isEqualTo(TraceValues.others(expected));
    assertThat(trace.trust()).isEqualTo(expected.trust());
    return trace;
  }

  private static Trace read(byte[] text, int threads, int segmentSize) {
    return TraceReader.read(new ByteArrayInputStream(text), threads, segmentSize);
  }

  private byte[] document(String layout, UnaryOperator<String> change) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    text.writeBytes("{\"schemaVersion\":1,\"traceEvents\":[".getBytes(StandardCharsets.UTF_8));
    for (int i = 0; i < EVENTS; i++) {
      String event = change.apply(laidOut(layout, i));
      text.writeBytes(((i == 0 ? "" : ",") + event).getBytes(StandardCharsets.UTF_8));
    }
    text.writeBytes("],\"after\":[1]}".getBytes(StandardCharsets.UTF_8));
    return text.toByteArray();
  }

  private String laidOut(String layout, int number) {
    String[] keys = {
      "\"ph\":\"X\"",
      "\"cat\":\"kernel\"",
      "\"name\":\"kernel_" + number % 10 + "\"",
      "\"pid\":0",
      "\"tid\":\"stream 7\"",
      "\"ts\":" + number + ".5",
      "\"dur\":1",
      "\"args\":{\"device\":0,\"grid\":[1,1," + number + "],\"correlation\":" + number + "}"
    };
    if (layout.equals("shuffled")) {
      for (int i = keys.length - 1; i > 0; i--) {
        int other = random.nextInt(i + 1);
        String key = keys[i];
        keys[i] = keys[other];
        keys[other] = key;
      }
    }
    String event = "{" + String.join(",", keys) + "}";
    return switch (layout) {
      case "spaced" -> " " + event.replace(":", ": ").replace(",\"", ", \"") + " ";
      case "indented" -> event.replace(":", " : ").replace(",\"", ",\n    \"").replace("{", "\n{");
      case "crlf" ->
          event.replace(",\"", ",\r\n\r\n\"").replace("{", "\r\n{").replace("}", "\r\n}");
      case "tabs" -> event.replace(":", "\t:\t").replace(",", "\t,\t").replace("{", "\t{\t");
      default -> event;
    };
  }
}
