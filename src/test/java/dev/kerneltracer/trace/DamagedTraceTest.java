package dev.kerneltracer.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DamagedTraceTest {
  @TempDir Path directory;

  @Test
  void aTraceCutAnywhereKeepsAPrefixOfItsEvents() throws IOException {
    byte[] text = TestTraces.text("tp_rank0");
    Trace whole = TraceReader.read(TestTraces.trace("tp_rank0"));
    Random random = new Random(42);
    int from = new String(text, StandardCharsets.UTF_8).indexOf("\"ph\"");
    for (int i = 0; i < 80; i++) {
      int cut = random.nextInt(from + 1000, text.length - 2);
      assertPrefix(read(Arrays.copyOf(text, cut)), whole);
    }
  }

  @Test
  void aGzipFileCutAnywhereKeepsAPrefixOfItsEvents() throws IOException {
    byte[] file = Files.readAllBytes(TestTraces.trace("tp_rank0"));
    Trace whole = TraceReader.read(TestTraces.trace("tp_rank0"));
    Random random = new Random(43);
    for (int i = 0; i < 40; i++) {
      assertPrefix(read(Arrays.copyOf(file, random.nextInt(3000, file.length - 9))), whole);
    }
  }

  private static void assertPrefix(Trace cut, Trace whole) {
    assertThat(cut.trust().complete()).isFalse();
    assertThat(kinds(cut)).containsExactly(Damage.Kind.CUT);
    assertThat(cut.eventCount()).isLessThanOrEqualTo(whole.eventCount());
    assertThat(cut.events().size()).isLessThanOrEqualTo(whole.events().size());
    for (int row = 0; row < cut.events().size(); row++) {
      assertThat(cut.events().startNs(row)).isEqualTo(whole.events().startNs(row));
      assertThat(cut.events().durationNs(row)).isEqualTo(whole.events().durationNs(row));
      assertThat(cut.events().name(row)).isEqualTo(whole.events().name(row));
    }
    assertThat(TraceLinks.of(cut)).isNotNull();
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

  private Trace read(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8));
  }

  private Trace read(byte[] bytes) throws IOException {
    return TraceReader.read(Files.write(directory.resolve("trace.json"), bytes));
  }
}
