package dev.kerneltracer.trace;

import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.Analysis;
import dev.kerneltracer.analysis.Filter;
import dev.kerneltracer.analysis.Totals;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.function.LongFunction;
import java.util.zip.GZIPOutputStream;

/// Inputs that want all memory or all time, made while they are read. Run as a program of its own
/// with little heap: reads one, makes the tables, and prints what came of it.
@SuppressWarnings("ImmutableEnumChecker") // each entry opens a stream of its own
enum HostileInput {
  ZEROS(bomb("", "\0", "")),
  SPACES(bomb("", " ", "")),
  SPACES_BETWEEN_EVENTS(bomb("[" + event(1) + ",", " ", event(2) + "]")),
  EMPTY_OBJECTS(bomb("[", "{},", "{}]")),
  EMPTY_OBJECTS_WITHOUT_COMMAS(bomb("[", "{}", "]")),
  TINY_EVENTS(bomb("[", "{\"ph\":\"X\"},", "{\"ph\":\"X\"}]")),
  TINY_EVENTS_WITHOUT_COMMAS(bomb("[", "{\"ph\":\"X\"}", "]")),
  MEMORY_REPORTS(bomb("[", "{\"ph\":\"i\",\"name\":\"[memory]\",\"ts\":1},", "{}]")),
  MEMORY_REPORTS_WITHOUT_COMMAS(bomb("[", "{\"ph\":\"i\",\"name\":\"[memory]\",\"ts\":1}", "]")),
  FLOWS(bomb("[", "{\"ph\":\"s\",\"cat\":\"fwdbwd\",\"id\":1,\"ts\":1},", "{}]")),
  BRACES(bomb("[" + event(1) + ",", "{", "")),
  BRACKETS(bomb("[" + event(1) + ",", "[", "")),
  QUOTED_BRACES(bomb("[" + event(1) + ",", "{\"", "")),
  OPEN_OBJECTS(bomb("[" + event(1) + ",", "{\"a\":", "")),
  FAULTS(bomb("[", "{\"ph\":\"X\",\"name\":\"\\x\"},", event(1) + "]")),
  LONG_STRING(text(event(1).replace("a1", "\0"), 1L << 30, "x")),
  LONG_ESCAPED_STRING(text(event(1).replace("a1", "\0"), 40L << 20, "\\n")),
  LONG_KEY(text("{\"\0\":1,\"ph\":\"X\"}", 1L << 30, "x")),
  LONG_NUMBER(text("{\"ph\":\"X\",\"ts\":\0}", 1L << 30, "9")),
  LONG_SPACE(text("{\"ph\":\"X\",\0\"ts\":1}", 1L << 30, " ")),
  LONG_LIST(text("{\"ph\":\"X\",\"args\":{\"Input Dims\":[\0 1]}}", 1L << 30, "[1,2],")),
  DEEP_OBJECTS(text("{\"ph\":\"X\",\"args\":{\"a\":\0}}", 6L << 20, "{\"a\":")),
  LARGE_METADATA(
      repeated(
          "{\"x\":\"",
          i -> "metadata of no use ",
          1 << 24,
          "\",\"traceEvents\":[" + event(1) + "]}")),
  MANY_METADATA(
      repeated(
          "{",
          i -> "\"key" + i + "\":\"value\",",
          5_000_000,
          "\"traceEvents\":[" + event(1) + "]}")),
  MANY_DEVICES(
      repeated(
          "{\"deviceProperties\":[{",
          i -> "\"k" + i + "\":1,",
          900_000,
          "\"k\":1}],\"traceEvents\":[" + event(1) + "]}")),
  DISTINCT_NAMES(list(HostileInput::event, 10_000_000)),
  DISTINCT_KEYS(
      list(i -> event(1).replace("\"args\":{", "\"args\":{\"key" + i + "\":1,"), 10_000_000)),
  DISTINCT_CATEGORIES(list(i -> "{\"ph\":\"X\",\"cat\":\"c" + i + "\"}", 5_000_000)),
  DISTINCT_THREADS(list(i -> "{\"ph\":\"X\",\"pid\":" + i + ",\"tid\":" + i + "}", 5_000_000)),
  NESTED_OPERATORS(
      list(
          i ->
              "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"o\",\"pid\":1,\"tid\":1,\"ts\":"
                  + i
                  + ",\"dur\":"
                  + (4_000_000 - 2 * i)
                  + "}",
          1_000_000)),
  /// Ids that differ in their highest bits alone.
  HIGH_IDS(
      list(i -> event(1).replace("\"correlation\":1", "\"correlation\":" + (i << 40)), 400_000)),
  GZIP_HEADERS(list(i -> event(i) + "\u001F\u008B\b\0\0\0\0\0\0\0", 200));

  /// Makes the stream anew for each reading.
  private interface Source {
    InputStream open() throws IOException;
  }

  /// So much text a bomb inflates to, when it is read to its end.
  private static final long BOMB = 2L << 30;

  private final Source source;

  HostileInput(Source source) {
    this.source = source;
  }

  InputStream open() throws IOException {
    return source.open();
  }

  private static String event(long number) {
    return "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"a"
        + number
        + "\",\"pid\":0,\"tid\":7,\"ts\":1,\"dur\":1.5,\"args\":{\"device\":0,\"correlation\":1}}";
  }

  /// Gzip members: one with `before`, many equal ones full of `body`, one with `after`.
  private static Source bomb(String before, String body, String after) {
    return () -> {
      byte[] member = gzip(body.repeat((1 << 24) / body.length()));
      return concatenation(
          gzip(before), new Repeated(number -> member, BOMB / (1 << 24)), gzip(after));
    };
  }

  /// A list of one event before, one in which `filler` takes the place of `\0`, and one after.
  private static Source text(String event, long bytes, String filler) {
    return () -> {
      byte[] block = filler.repeat((1 << 16) / filler.length()).getBytes(StandardCharsets.UTF_8);
      int gap = event.indexOf('\0');
      return concatenation(
          ("[" + event(1) + "," + event.substring(0, gap)).getBytes(StandardCharsets.UTF_8),
          new Repeated(number -> block, bytes / block.length),
          (event.substring(gap + 1) + "," + event(2) + "]").getBytes(StandardCharsets.UTF_8));
    };
  }

  private static Source list(LongFunction<String> event, long count) {
    return repeated("[", i -> event.apply(i) + ",", count, event(0) + "]");
  }

  private static Source repeated(
      String before, LongFunction<String> body, long count, String after) {
    return () ->
        concatenation(
            before.getBytes(StandardCharsets.UTF_8),
            new Repeated(i -> body.apply(i).getBytes(StandardCharsets.UTF_8), count),
            after.getBytes(StandardCharsets.UTF_8));
  }

  private static InputStream concatenation(byte[] before, InputStream body, byte[] after) {
    return new SequenceInputStream(
        Collections.enumeration(
            List.of(new ByteArrayInputStream(before), body, new ByteArrayInputStream(after))));
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  /// Pieces made one after another.
  private static final class Repeated extends InputStream {
    private final LongFunction<byte[]> pieces;
    private final long count;
    private long made;
    private byte[] piece = new byte[0];
    private int at;

    Repeated(LongFunction<byte[]> pieces, long count) {
      this.pieces = pieces;
      this.count = count;
    }

    @Override
    public int read() {
      return hasMore() ? piece[at++] & 0xFF : -1;
    }

    @Override
    public int read(byte[] target, int from, int length) {
      int filled = 0;
      while (filled < length && hasMore()) {
        int taken = Math.min(length - filled, piece.length - at);
        System.arraycopy(piece, at, target, from + filled, taken);
        at += taken;
        filled += taken;
      }
      return filled == 0 && length > 0 ? -1 : filled;
    }

    private boolean hasMore() {
      while (at == piece.length && made < count) {
        piece = pieces.apply(made++);
        at = 0;
      }
      return at < piece.length;
    }
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    try (InputStream in = valueOf(arguments[0]).open()) {
      Trace trace = TraceReader.read(in, arguments[0]);
      Analysis analysis = new Analysis(Filter.NONE);
      Totals totals = analysis.add(arguments[0], trace).summary().totals();
      System.out.println(
          "read "
              + trace.events().size()
              + " rows, devices "
              + trace.metadata().devices().size()
              + ", kernel time "
              + totals.kernelTimeNs()
              + ", texts lost "
              + trace.trust().textsLost()
              + ", faults "
              + trace.trust().damageCount()
              + " "
              + trace.trust().damage().stream().map(Damage::kind).distinct().toList()
              + ", complete "
              + trace.trust().complete());
    } catch (UserException e) {
      System.out.println("refused: " + e.getMessage());
    } catch (OutOfMemoryError e) {
      // As the program does: it says so, ends with exit code 4 and writes nothing.
      System.out.println("refused: more memory than it was given");
    }
  }
}
