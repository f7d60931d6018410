package dev.kerneltracer.trace;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Reads PyTorch/Kineto Chrome traces: an object with `traceEvents` or a bare array, plain or
/// gzipped (also of several members), of any age, damaged ones as far as they go.
public final class TraceReader {
  private static final String HINT =
      "Expected a Chrome trace as torch.profiler writes it (.json or .json.gz).";

  private TraceReader() {}

  /// Reads a whole trace; what is damaged is left out and counted in [Trace#trust].
  ///
  /// @throws UserException where the file cannot be opened or holds no trace event
  public static Trace read(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return read(in, file.toString());
    } catch (IOException e) {
      throw unreadable(file.toString(), AtomicFile.reason(e));
    }
  }

  /// Reads a whole trace from a pipe or any other stream, plain or gzipped, to its end.
  ///
  /// @param name what messages call it
  /// @throws UserException where it cannot be read or holds no trace event
  public static Trace read(InputStream in, String name) {
    EventTables tables = tables();
    return read(new ParsedSegments(in, tables), tables, name);
  }

  /// Reads by that many threads, that much text at once.
  static Trace read(InputStream in, int threads, int segmentSize) {
    EventTables tables = tables();
    return read(new ParsedSegments(in, tables, threads, segmentSize), tables, "test");
  }

  private static EventTables tables() {
    return new EventTables(new StringTable(Runtime.getRuntime().maxMemory() / 3));
  }

  private static Trace read(ParsedSegments parsed, EventTables tables, String name) {
    DamageLog damage = new DamageLog();
    long memory = Runtime.getRuntime().maxMemory();
    StringTable strings = tables.strings();
    Events events = new Events(tables);
    try (ParsedSegments segments = parsed) {
      TraceScanner scanner = new TraceScanner(segments, tables, events, damage, memory);
      scanner.scan();
      if (!events.phaseSeen()) {
        throw unreadable(name, why(scanner, events, damage));
      }
      boolean complete = scanner.closed() && !damage.eventsLost() && !damage.endsEarly();
      Trust trust =
          new Trust(
              complete,
              events.seen(),
              scanner.bytesRead(),
              damage.bytesSkipped(),
              damage.count(),
              damage.first(),
              events.unusableTimes(),
              events.negativeDurations(),
              strings.overflowed());
      TraceMetadata metadata = new TraceMetadata(scanner.metadata());
      return new Trace(events.seen(), events, strings, metadata, trust);
    } catch (IOException e) {
      throw unreadable(name, AtomicFile.reason(e));
    }
  }

  private static String why(TraceScanner scanner, Events events, DamageLog damage) {
    if (scanner.bytesRead() == 0) {
      return damage.first().stream().anyMatch(fault -> fault.kind() == Damage.Kind.BAD_GZIP)
          ? "the gzip data is damaged from its start"
          : "it is empty";
    }
    @Nullable String foreign = ForeignData.name(scanner.head());
    if (foreign != null) {
      return foreign;
    }
    if (!scanner.eventsSeen()) {
      return scanner.metadata().isEmpty() && !scanner.closed()
          ? "it is not JSON"
          : "it is JSON without traceEvents";
    }
    return events.seen() == 0 ? "it holds no events" : "its elements are no trace events";
  }

  private static UserException unreadable(String name, String why) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE, "cannot read " + name + " as a trace: " + why, HINT);
  }
}
