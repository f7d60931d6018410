package dev.kerneltracer.live;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Follows the events of one process while they are written: whole lines only, over the writer's
/// changes of file (`process-1.jsonl` becomes `process-1.1.jsonl`), with a buffer that is as long
/// as the longest line.
final class EventFile implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 16;
  private static final int LONGEST_LINE_BYTES = 1 << 20;

  /// Takes what was read.
  interface Sink {
    void event(Event event);
  }

  private final Path path;
  private @Nullable FileChannel channel;
  private @Nullable Object key;
  private byte[] line = new byte[1 << 12];
  private int held;
  private boolean tooLong;
  private final ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);

  private long badLines;
  private long linesHere;
  private long linesOfPrevious;
  private long linesEarlier;
  private long modifiedMs;

  EventFile(Path path) {
    this.path = path;
  }

  /// The file that the writer has put aside.
  private Path previous() {
    String name = path.getFileName().toString();
    return path.resolveSibling(name.substring(0, name.length() - ".jsonl".length()) + ".1.jsonl");
  }

  /// Lines that are no events. A last line without its end is not one of them: it may still grow.
  long badLines() {
    return badLines;
  }

  /// Whether the last line has no end.
  boolean isCut() {
    return held > 0 || tooLong;
  }

  /// Lines in files that are gone, since two changes of file ago.
  long linesOfGoneFiles() {
    return linesEarlier;
  }

  /// When the file last grew, of the system's clock; 0 before anything was read.
  long modifiedMs() {
    return modifiedMs;
  }

  /// Reads on.
  ///
  /// @param mostBytes about where to stop, so that others have their turn
  /// @return the bytes read; fewer than `mostBytes` where nothing is left for now
  /// @throws IOException where the disk fails; a file that is gone has nothing more to read
  long read(long mostBytes, Sink sink) throws IOException {
    long read = 0;
    while (read < mostBytes) {
      FileChannel open = channel == null ? begin() : channel;
      if (open == null) {
        return read;
      }
      chunk.clear();
      int bytes = open.read(chunk);
      if (bytes > 0) {
        read += bytes;
        take(chunk.array(), bytes, sink);
      } else if (!changeFile()) {
        noteTime();
        return read;
      }
    }
    noteTime();
    return read;
  }

  private void noteTime() {
    try {
      modifiedMs = Files.getLastModifiedTime(path).toMillis();
    } catch (IOException e) {
      // Gone, or between two names.
    }
  }

  /// Opens the older of the two files first.
  private @Nullable FileChannel begin() throws IOException {
    return open(Files.exists(previous()) ? previous() : path);
  }

  private @Nullable FileChannel open(Path file) throws IOException {
    try {
      FileChannel opened = FileChannel.open(file, StandardOpenOption.READ);
      key = key(file);
      channel = opened;
      return opened;
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /// Goes to the writer's next file where this one has been put aside and is read to its end.
  private boolean changeFile() throws IOException {
    Object current = key(path);
    FileChannel open = channel;
    if (open == null || current == null) {
      return false;
    }
    boolean shrunk = current.equals(key) && open.size() < open.position();
    if (current.equals(key) && !shrunk) {
      return false;
    }
    // What was written between the last read and the change of names.
    chunk.clear();
    if (!shrunk && open.read(chunk) > 0) {
      open.position(open.position() - chunk.position());
      return true;
    }
    Object aside = key(previous());
    boolean missed = aside != null && !aside.equals(key) && !shrunk;
    open.close();
    channel = null;
    if (isCut()) {
      badLines++;
    }
    held = 0;
    tooLong = false;
    linesEarlier += linesOfPrevious;
    linesOfPrevious = linesHere;
    linesHere = 0;
    return open(missed ? previous() : path) != null;
  }

  private static @Nullable Object key(Path file) {
    try {
      return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      return null;
    }
  }

  private void take(byte[] bytes, int length, Sink sink) {
    int from = 0;
    for (int at = 0; at < length; at++) {
      if (bytes[at] != '\n') {
        continue;
      }
      if (held == 0 && !tooLong) {
        line(bytes, from, at - from, sink);
      } else {
        hold(bytes, from, at - from);
        if (tooLong) {
          badLines++;
        } else {
          line(line, 0, held, sink);
        }
        held = 0;
        tooLong = false;
      }
      from = at + 1;
    }
    hold(bytes, from, length - from);
  }

  private void hold(byte[] bytes, int from, int length) {
    if (tooLong || held + length > LONGEST_LINE_BYTES) {
      tooLong = true;
      held = 0;
      return;
    }
    if (held + length > line.length) {
      line = Arrays.copyOf(line, Math.max(held + length, line.length * 2));
    }
    System.arraycopy(bytes, from, line, held, length);
    held += length;
  }

  private void line(byte[] bytes, int from, int length, Sink sink) {
    linesHere++;
    if (length == 0) {
      return;
    }
    Event event = Event.parse(bytes, from, length);
    if (event == null) {
      badLines++;
    } else {
      sink.event(event);
    }
  }

  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
    }
  }
}
