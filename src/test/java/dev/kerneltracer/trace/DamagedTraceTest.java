package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.Totals;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DamagedTraceTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"tp_rank0", "cuda_graph_replay", "cpu_qwen3_steps"})
  void aTraceCutAnywhereKeepsAPrefixOfItsEvents(String name) {
    byte[] text = TestTraces.text(name);
    Whole whole = Whole.of(text);
    Random random = new Random(42);
    int from = new String(text, StandardCharsets.UTF_8).indexOf("\"ph\"");
    for (int i = 0; i < 80; i++) {
      byte[] cut = Arrays.copyOf(text, random.nextInt(from + 1000, text.length - 2));
      whole.assertPrefix(read(cut, random.nextInt(1 << 9, 1 << 17)));
    }
  }

  @Test
  void aLargeTraceCutAnywhereKeepsAPrefixOfItsEvents() {
    byte[] text = large();
    Whole whole = Whole.of(text);
    Random random = new Random(47);
    for (int i = 0; i < 60; i++) {
      int cut = random.nextInt(100_000, text.length - 2);
      whole.assertPrefix(read(Arrays.copyOf(text, cut), Segment.SIZE));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tp_rank0", "cpu_qwen3_steps", "hf_llama_eager_generate"})
  void aGzipFileCutAnywhereKeepsAPrefixOfItsEvents(String name) throws IOException {
    byte[] file = Files.readAllBytes(TestTraces.trace(name));
    Whole whole = Whole.of(TestTraces.text(name));
    Random random = new Random(43);
    for (int i = 0; i < 70; i++) {
      byte[] cut = Arrays.copyOf(file, random.nextInt(3000, file.length - 9));
      whole.assertPrefix(read(cut, random.nextInt(1 << 12, 1 << 19)));
    }
  }

  /// A trace of some 8 MB: the events of a real one again and again.
  private static byte[] large() {
    String text = new String(TestTraces.text("hf_llama_eager_stack"), StandardCharsets.UTF_8);
    int from = text.indexOf('{', text.indexOf("\"traceEvents\""));
    int to = text.indexOf("\n  ]", from);
    String events = text.substring(from, to < 0 ? text.lastIndexOf(']') : to);
    StringBuilder large = new StringBuilder(text.substring(0, from)).append(events);
    while (large.length() < 8_000_000) {
      large.append(",\n  ").append(events);
    }
    return large
        .append(text.substring(from + events.length()))
        .toString()
        .getBytes(StandardCharsets.UTF_8);
  }

  /// A whole trace, by value and with its sums over the first rows.
  private record Whole(List<String> rows, List<Long> kernelTimeNs, long seen) {
    static Whole of(byte[] text) {
      Trace trace = read(text, Segment.SIZE);
      assertThat(trace.trust().complete()).isTrue();
      List<Long> sums = new ArrayList<>(List.of(0L));
      for (int row = 0; row < trace.events().size(); row++) {
        boolean kernel = trace.events().category(row) == Category.KERNEL;
        sums.add(sums.getLast() + (kernel ? trace.events().durationNs(row) : 0));
      }
      return new Whole(TraceValues.rows(trace), sums, trace.eventCount());
    }

    void assertPrefix(Trace cut) {
      assertThat(cut.trust().complete()).isFalse();
      assertThat(kinds(cut)).containsExactly(Damage.Kind.CUT);
      assertThat(cut.eventCount()).isLessThanOrEqualTo(seen);
      List<String> kept = TraceValues.rows(cut);
      assertThat(kept).isEqualTo(rows.subList(0, kept.size()));
      Totals totals = Totals.of(cut, TraceLinks.of(cut));
      assertThat(totals.kernelTimeNs()).isEqualTo(kernelTimeNs.get(kept.size()));
    }
  }

  @Test
  void bytesChangedAtRandomNeverCrashTheReader() throws IOException {
    byte[] text = TestTraces.text("cuda_graph_replay");
    Random random = new Random(44);
    for (int i = 0; i < 150; i++) {
      byte[] changed = text.clone();
      for (int change = 0; change < 20; change++) {
        changed[random.nextInt(2000, changed.length)] = (byte) random.nextInt(256);
      }
      Trace trace = read(changed);
      assertThat(trace.eventCount()).isBetween(400L, 520L);
      assertThat(TraceLinks.of(trace)).isNotNull();
    }
  }

  @Test
  void anEventWithABadEscapeIsLeftOutAndLocated() throws IOException {
    String bad = kernel("b\\x", 2);
    String text = document(kernel("a", 1) + "," + bad + "," + kernel("c", 3));

    Trace trace = read(text);

    assertThat(names(trace)).containsExactly("a", "c");
    assertThat(trace.trust().damage())
        .containsExactly(new Damage(text.indexOf('\\'), Damage.Kind.BAD_ESCAPE));
    assertThat(trace.trust().bytesSkipped()).isEqualTo(bad.length() + 1);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void anEventWithAControlCharacterIsKeptAndSaid() throws IOException {
    Trace trace = read(document(kernel("a\nb", 1) + "," + kernel("c", 2)));

    assertThat(names(trace)).containsExactly("a\nb", "c");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.CONTROL_CHARACTER);
  }

  @Test
  void badUtf8ReadsAsTheReplacementCharacter() throws IOException {
    byte[] text = document(kernel("a", 1) + "," + kernel("#", 2)).getBytes(StandardCharsets.UTF_8);
    int at = new String(text, StandardCharsets.UTF_8).indexOf('#');
    text[at] = (byte) 0xC3;

    Trace trace = read(text);

    assertThat(names(trace)).containsExactly("a", "\uFFFD");
    assertThat(trace.trust().damage()).containsExactly(new Damage(at, Damage.Kind.BAD_UTF8));
  }

  @Test
  void aMissingCommaBetweenEventsLosesNone() throws IOException {
    Trace trace = read(document(kernel("a", 1) + "\n" + kernel("b", 2)));

    assertThat(names(trace)).containsExactly("a", "b");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.MISSING_COMMA);
    assertThat(trace.trust().bytesSkipped()).isZero();
  }

  @Test
  void anEventWithAMissingCommaIsLeftOut() throws IOException {
    String bad = kernel("b", 2).replace(",\"pid\"", "\"pid\"");

    Trace trace = read(document(kernel("a", 1) + "," + bad + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", "c");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_SYNTAX);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1e", "1e+", "5.", "007", "-", "-.5", "1.2.3", "12-3", "1e2e3"})
  void anEventWithANumberThatIsNoneIsLeftOut(String number) throws IOException {
    String bad = kernel("b", 2).replace("1.5", number);

    Trace trace = read(document(kernel("a", 1) + "," + bad + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", "c");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_SYNTAX);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "-0.0, 0", "1E1, 10000", "1.25e+1, 12500", "-25e-1, -2500", "-Infinity, 0"})
  void everyNumberOfJsonIsRead(String number, long nanoseconds) throws IOException {
    Trace trace = read(document(kernel("a", 1).replace("1.5", number)));

    assertThat(trace.events().durationNs(0)).isEqualTo(nanoseconds);
    assertThat(trace.trust().damage()).isEmpty();
  }

  @Test
  void aRowWithoutATimeIsCountedButStandsOnNoTimeLine() throws IOException {
    String timeless = kernel("b", 2).replace("\"ts\"", "\"other\"");

    Trace trace = read(document(kernel("a", 1) + "," + timeless + "," + kernel("c", 3)));

    Totals totals = Totals.of(trace, TraceLinks.of(trace));
    assertThat(totals.kernels()).isEqualTo(3);
    assertThat(totals.kernelTimeNs()).isEqualTo(4500);
    assertThat(trace.trust().unusableTimes()).isEqualTo(1);
    Trace others = read(document(kernel("a", 1) + "," + kernel("c", 3)));
    Totals withoutIt = Totals.of(others, TraceLinks.of(others));
    assertThat(totals.spanNs()).isEqualTo(withoutIt.spanNs());
    assertThat(totals.busyNs()).isEqualTo(withoutIt.busyNs());
  }

  @Test
  void anEventWithoutItsEndIsLeftOut() throws IOException {
    String bad = kernel("b", 2);
    String open = bad.substring(0, bad.length() - 2);

    Trace trace = read(document(kernel("a", 1) + "," + open + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", "c");
  }

  @Test
  void damageBeforeTheEventsDoesNotHideThem() throws IOException {
    Trace trace = read("{\"host\": \"C:\\q\", \"traceEvents\": [" + kernel("a", 1) + "]}");

    assertThat(names(trace)).containsExactly("a");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_ESCAPE);
  }

  @Test
  void aStrayBracketAmongTheEventsLosesNone() throws IOException {
    Trace trace = read(document(kernel("a", 1) + ", ] " + kernel("b", 2) + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", "b", "c");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_SYNTAX);
  }

  @Test
  void nestingOfAnyDepthIsSurvived() throws IOException {
    String deep = "[".repeat(200_000) + "]".repeat(200_000);
    String bad = kernel("b", 2).replace("\"args\":{", "\"args\":{\"deep\":" + deep + ",");

    Trace trace = read(document(kernel("a", 1) + "," + bad + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", "c");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.TOO_DEEP);
  }

  @Test
  void objectsNestedWithoutEndTakeNoQuadraticTime() throws IOException {
    Trace trace = read(document(kernel("a", 1) + "," + "{\"a\":".repeat(400_000)));

    assertThat(names(trace)).containsExactly("a");
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void anEventLargerThanTheWindowIsReadWhole() throws IOException {
    String name = "n".repeat(3_000_000);

    Trace trace = read(document(kernel("a", 1) + "," + kernel(name, 2) + "," + kernel("c", 3)));

    assertThat(names(trace)).containsExactly("a", name, "c");
    assertThat(trace.trust().complete()).isTrue();
  }

  @Test
  void timesThatAreNoneAreCountedAndTakenAsZero() throws IOException {
    String events =
        kernel("a", 1).replace("1.5", "NaN") + "," + kernel("b", 2).replace("1.5", "1e99");

    Trace trace = read(document(events));

    assertThat(trace.events().durationNs(0)).isZero();
    assertThat(trace.events().durationNs(1)).isZero();
    assertThat(trace.trust().unusableTimes()).isEqualTo(2);
  }

  @Test
  void concatenatedGzipMembersAreOneText() throws IOException {
    String text = document(kernel("a", 1) + "," + kernel("b", 2));
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(gzip(text.substring(0, 90)));
    file.write(gzip(text.substring(90)));

    Trace trace = read(file.toByteArray());

    assertThat(names(trace)).containsExactly("a", "b");
    assertThat(trace.trust().complete()).isTrue();
  }

  @Test
  void gzipDataDamagedInTheMiddleGivesWhatLiesBefore() throws IOException {
    byte[] file = Files.readAllBytes(TestTraces.trace("tp_rank0"));
    Arrays.fill(file, file.length / 2, file.length / 2 + 64, (byte) 0xFF);

    Trace trace = read(file);

    assertThat(trace.eventCount()).isGreaterThan(1000);
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_GZIP);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void aBadGzipMemberCostsNoLaterOne() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    int[] starts = writeMembers(file, 5);
    byte[] bytes = file.toByteArray();
    Arrays.fill(bytes, starts[2] + 10, starts[2] + 40, (byte) 0xFF);

    Trace trace = read(bytes);

    assertThat(names(trace)).contains("m0", "m1", "m3", "m4").doesNotContain("m2");
    assertThat(kinds(trace)).contains(Damage.Kind.BAD_GZIP);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void theLastMemberIsFoundHoweverSmall() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(gzip("[" + kernel("a", 1) + ","));
    int bad = file.size();
    file.write(gzip(kernel("b", 2) + ","));
    file.write(gzip(kernel("c", 3) + "]"));
    byte[] bytes = file.toByteArray();
    bytes[bad + 10] = (byte) 0xFF;

    assertThat(names(read(bytes))).containsExactly("a", "c");
  }

  @Test
  void aWrongChecksumIsSaidAndTheTextKept() throws IOException {
    byte[] file = gzip(document(kernel("a", 1)));
    file[file.length - 8] ^= 1;

    Trace trace = read(file);

    assertThat(names(trace)).containsExactly("a");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.BAD_GZIP);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void aMissingChecksumIsSaidAndTheTextKept() throws IOException {
    byte[] file = gzip(document(kernel("a", 1)));

    Trace trace = read(Arrays.copyOf(file, file.length - 3));

    assertThat(names(trace)).containsExactly("a");
    assertThat(kinds(trace)).containsExactly(Damage.Kind.CUT);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void zerosBehindTheGzipDataArePadding() throws IOException {
    byte[] file = gzip(document(kernel("a", 1)));

    Trace trace = read(Arrays.copyOf(file, file.length + 100_000));

    assertThat(trace.trust().complete()).isTrue();
    assertThat(trace.trust().damage()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "garbage", "\u001f\u008b\b\u0000garbage that looks like a header"})
  void garbageBetweenGzipMembersIsSaidAndCostsNoText(String garbage) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(gzip("[" + kernel("a", 1) + ","));
    file.write(garbage.getBytes(StandardCharsets.ISO_8859_1));
    file.write(gzip(kernel("b", 2) + "]"));

    Trace trace = read(file.toByteArray());

    assertThat(names(trace)).containsExactly("a", "b");
    assertThat(trace.trust().damageCount()).isEqualTo(1);
  }

  @Test
  void aStrayByteBehindTheGzipDataIsNoCut() throws IOException {
    byte[] file = gzip(document(kernel("a", 1)));
    byte[] longer = Arrays.copyOf(file, file.length + 1);
    longer[file.length] = '\n';

    assertThat(kinds(read(longer))).containsExactly(Damage.Kind.TRAILING_BYTES);
  }

  @Test
  void eachFaultInALargeTraceCostsAtMostItsEvent() {
    String[] kept = {"\u0001", "\u00ff"};
    String[] lost = {"\\x", "\"x", "\\u12", "\\"};
    StringBuilder text = new StringBuilder("{\"traceEvents\":[");
    List<Long> offsets = new ArrayList<>();
    int events = 40_000;
    int left = 0;
    for (int i = 0; i < events; i++) {
      String event = kernel("kernel_" + i, i);
      if (i % 1000 == 500) {
        int which = i / 1000 % 7;
        boolean missing = which == 6;
        String fault = missing ? "" : which < 2 ? kept[which] : lost[which - 2];
        left += which >= 2 && !missing ? 1 : 0;
        event = event.replace("kernel_", "kernel" + fault + "_");
        if (missing) {
          text.setLength(text.length() - 1);
        }
        offsets.add((long) text.length());
      }
      text.append(event).append(',');
    }
    text.setLength(text.length() - 1);
    byte[] bytes = text.append("]}").toString().getBytes(StandardCharsets.ISO_8859_1);

    Trace trace = read(bytes, Segment.SIZE);

    assertThat(bytes.length).isGreaterThan(8 * Segment.SIZE);
    assertThat(trace.events().size()).isEqualTo(events - left);
    assertThat(trace.trust().damageCount()).isEqualTo(offsets.size());
    for (int i = 0; i < offsets.size(); i++) {
      assertThat(trace.trust().damage().get(i).offset() - offsets.get(i)).isBetween(0L, 200L);
    }
  }

  @Test
  void aFaultBeyondTheFirstHundredStillMakesTheTraceIncomplete() throws IOException {
    String events = (kernel("a\u0001", 1) + ",").repeat(150) + kernel("b", 2);
    byte[] file = gzip(document(events));
    file[file.length - 8] ^= 1;

    Trace trace = read(file);

    assertThat(trace.trust().damageCount()).isEqualTo(151);
    assertThat(trace.trust().complete()).isFalse();
  }

  @Test
  void anEmptyKeyIsLikeAnyOther() throws IOException {
    Trace trace = read("[{\"\":1,\"ph\":\"X\",\"name\":\"\",\"\":2}]");

    assertThat(names(trace)).containsExactly("");
  }

  @Test
  void ofAKeyThatStandsTwiceTheLastValueCounts() throws IOException {
    Trace trace = read("[{\"ph\":\"X\",\"name\":\"a\",\"dur\":1,\"name\":\"b\",\"dur\":2.5}]");

    assertThat(names(trace)).containsExactly("b");
    assertThat(trace.events().durationNs(0)).isEqualTo(2500);
  }

  @Test
  void idsBeyondSixtyFourBitsStayDistinct() throws IOException {
    String args =
        "\"correlation\":18446744073709551615,\"External id\":\"340282366920938463463374607431768211455\"";
    String event = kernel("a", 1).replace("\"correlation\":1", args);

    Trace trace = read(document(event));

    assertThat(trace.events().correlation(0)).isEqualTo(-1);
    assertThat(trace.events().externalId(0)).isEqualTo(-1);
  }

  private static int[] writeMembers(ByteArrayOutputStream file, int count) throws IOException {
    int[] starts = new int[count];
    for (int i = 0; i < count; i++) {
      StringBuilder events = new StringBuilder(i == 0 ? "[" : "");
      for (int number = 0; number < 200; number++) {
        events.append(kernel("m" + i, i * 200 + number)).append(',');
      }
      starts[i] = file.size();
      file.write(gzip(i == count - 1 ? events + kernel("m4", 0) + "]" : events.toString()));
    }
    return starts;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   \n",
        "<html><body>404 Not Found</body></html>",
        "{\"a\": 1}",
        "{\"traceEvents\": []}",
        "[]",
        "[{\"key\": \"aten::mul\", \"count\": 1}]",
        "{\"traceEvents\": [",
        "\u001f\u008b",
      })
  void whatIsNoTraceIsRefusedInOneLine(String text) {
    assertThatThrownBy(() -> read(text.getBytes(StandardCharsets.ISO_8859_1)))
        .isInstanceOfSatisfying(
            UserException.class,
            e -> {
              assertThat(e.exitCode()).isEqualTo(ExitCode.INPUT_UNREADABLE);
              assertThat(e.getMessage()).startsWith("cannot read ").doesNotContain("\n");
              assertThat(e.hint()).isNotEmpty();
            });
  }

  @ParameterizedTest
  @CsvSource({
    "28B52FFD, zstd data",
    "FD377A585A00, xz data",
    "425A6839, bzip2 data",
    "04224D18, lz4 data",
    "504B0304, zip archive",
    "255044462D312E37, PDF",
    "7F454C460201, ELF",
    "FFFE7B000A00, UTF-16",
    "7B0022006100, UTF-16",
    "3C21444F43545950452068746D6C3E, HTML",
    "0A3C48544D4C3E, HTML",
    "3C3F786D6C, XML",
    "5B312C322C335D, it holds no events",
    "7B2261223A317D, without traceEvents",
    "00010203, not JSON",
  })
  void whatIsKnownToBeSomethingElseIsNamed(String hex, String name) {
    byte[] head = HexFormat.of().parseHex(hex);
    byte[] file = Arrays.copyOf(head, head.length == 7 ? 7 : 70_000);
    if (head.length != 7) {
      new Random(48).nextBytes(file);
      System.arraycopy(head, 0, file, 0, head.length);
    }
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(name)
        .hasMessageNotContaining("\n");
    assertThatThrownBy(() -> read(gzip(new String(file, StandardCharsets.ISO_8859_1))))
        .isInstanceOf(UserException.class)
        .hasMessageNotContaining("\n");
  }

  @Test
  void aTarArchiveWithinGzipIsNamed() {
    byte[] tar = new byte[10_240];
    System.arraycopy("ustar".getBytes(StandardCharsets.UTF_8), 0, tar, 257, 5);

    assertThatThrownBy(() -> read(gzip(new String(tar, StandardCharsets.ISO_8859_1))))
        .hasMessageContaining("tar archive");
  }

  @Test
  void aDirectoryIsNoTrace() {
    assertThatThrownBy(() -> TraceReader.read(directory))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("irectory");
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> TraceReader.read(directory.resolve("none.json")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none.json")
        .hasMessageContaining("no such file");
  }

  private static String kernel(String name, int number) {
    return "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\""
        + name
        + "\",\"pid\":0,\"tid\":7,\"ts\":"
        + number * 10
        + ",\"dur\":1.5,\"args\":{\"device\":0,\"stream\":7,\"correlation\":"
        + number
        + "}}";
  }

  private static String document(String events) {
    return "{\"schemaVersion\": 1, \"traceEvents\": [" + events + "]}";
  }

  private static List<String> names(Trace trace) {
    List<String> names = new ArrayList<>();
    for (int row = 0; row < trace.events().size(); row++) {
      names.add(trace.events().name(row));
    }
    return names;
  }

  private static List<Damage.Kind> kinds(Trace trace) {
    return trace.trust().damage().stream().map(Damage::kind).toList();
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static Trace read(byte[] bytes, int segmentSize) {
    return TraceReader.read(new ByteArrayInputStream(bytes), 2, segmentSize);
  }

  private Trace read(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8));
  }

  private Trace read(byte[] bytes) throws IOException {
    return TraceReader.read(Files.write(directory.resolve("trace.json"), bytes));
  }
}
