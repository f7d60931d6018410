package dev.kerneltracer.trace;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipException;

/// Reads PyTorch/Kineto Chrome traces: an object with `traceEvents` or a bare array, plain or
/// gzipped (also of several members), of any age, damaged ones as far as they go.
public final class TraceReader {
  private static final int FILE_BUFFER = 1 << 16;
  private static final String HINT =
      "Expected a Chrome trace as torch.profiler writes it (.json or .json.gz).";

  private TraceReader() {}

  /// Reads a whole trace; what is damaged is left out and counted in [Trace#trust].
  ///
  /// @throws UserException where the file cannot be opened or holds no trace event
  public static Trace read(Path file) {
    DamageLog damage = new DamageLog();
    StringTable strings = new StringTable();
    Events events = new Events(strings);
    try (InputStream in = open(file, damage)) {
      TraceScanner scanner = new TraceScanner(in, events, damage);
      scanner.scan();
      if (!scanner.phaseSeen()) {
        throw unreadable(file, why(scanner, damage));
      }
      boolean complete =
          scanner.closed()
              && !damage.eventsLost()
              && damage.first().stream().noneMatch(TraceReader::endsEarly);
      Trust trust =
          new Trust(
              complete,
              scanner.eventCount(),
              scanner.bytesRead(),
              damage.bytesSkipped(),
              damage.count(),
              damage.first(),
              events.unusableTimes(),
              events.negativeDurations());
      TraceMetadata metadata = new TraceMetadata(scanner.metadata());
      return new Trace(scanner.eventCount(), events, strings, metadata, trust);
    } catch (ZipException e) {
      throw unreadable(file, "the gzip data is damaged from its start");
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e));
    }
  }

  private static boolean endsEarly(Damage fault) {
    return fault.kind() == Damage.Kind.CUT || fault.kind() == Damage.Kind.BAD_GZIP;
  }

  private static InputStream open(Path file, DamageLog damage) throws IOException {
    InputStream raw = new BufferedInputStream(Files.newInputStream(file), FILE_BUFFER);
    try {
      raw.mark(2);
      boolean gzip = raw.read() == 0x1F && raw.read() == 0x8B;
      raw.reset();
      return gzip ? new GzipMembers(raw, FILE_BUFFER, damage) : raw;
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  private static String why(TraceScanner scanner, DamageLog damage) {
    if (scanner.bytesRead() == 0) {
      return damage.count() == 0 ? "it is empty" : "the gzip data is damaged from its start";
    }
    if (!scanner.eventsSeen()) {
      return scanner.metadata().isEmpty() && !scanner.closed()
          ? "it is not JSON"
          : "it is JSON without traceEvents";
    }
    return scanner.eventCount() == 0 ? "it holds no events" : "its elements are no trace events";
  }

  private static UserException unreadable(Path file, String why) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE, "cannot read " + file + " as a trace: " + why, HINT);
  }
}
