package dev.kerneltracer.trace;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The segments of a text in order, inflated and read ahead by a few threads: each takes turns at
/// inflating a segment, and then reads its events while another inflates the next.
final class ParsedSegments implements AutoCloseable {
  private static final int MOST_THREADS = 4;

  private final SegmentSource source;
  private final StringTable strings;
  private final List<Thread> threads = new ArrayList<>();
  private final ArrayDeque<Segment> free = new ArrayDeque<>();
  private final @Nullable Segment[] ready;
  private @Nullable Segment lent;
  private long taken;
  private boolean ended;
  private boolean closed;
  private @Nullable Throwable failure;
  private int reading;

  /// Begins to read, by as many threads as serve.
  ParsedSegments(InputStream in, EventTables tables) {
    this(
        in,
        tables,
        Math.clamp(Runtime.getRuntime().availableProcessors(), 1, MOST_THREADS),
        Segment.SIZE);
  }

  ParsedSegments(InputStream in, EventTables tables, int count, int segmentSize) {
    this.source = new SegmentSource(in, segmentSize);
    this.strings = tables.strings();
    ready = new Segment[count + 2];
    for (int i = 0; i < ready.length; i++) {
      free.add(new Segment(tables, segmentSize));
    }
    for (int i = 0; i < count; i++) {
      threads.add(Thread.ofPlatform().name("trace reader " + i).daemon().unstarted(this::work));
    }
    reading = count;
    threads.forEach(Thread::start);
  }

  private void work() {
    try {
      SegmentParser parser = new SegmentParser(strings);
      @Nullable Segment segment = takeFree();
      while (segment != null && inflate(segment)) {
        parser.parse(segment);
        publish(segment);
        segment = takeFree();
      }
    } catch (Throwable e) {
      fail(e);
    } finally {
      leave();
    }
  }

  private boolean inflate(Segment segment) throws IOException {
    synchronized (source) {
      return source.next(segment);
    }
  }

  private synchronized @Nullable Segment takeFree() throws InterruptedException {
    while (free.isEmpty() && !closed && !ended) {
      wait();
    }
    return closed || ended ? null : free.pop();
  }

  private synchronized void publish(Segment segment) {
    ready[(int) (segment.index % ready.length)] = segment;
    notifyAll();
  }

  private synchronized void fail(Throwable e) {
    if (failure == null && !closed) {
      failure = e;
    }
  }

  private synchronized void leave() {
    // One that finds no more text, or fails, ends the reading of all.
    ended = true;
    reading--;
    notifyAll();
  }

  /// The next segment, valid until the next call; null at the end of the text.
  ///
  /// @throws UserException where the calling thread is interrupted
  synchronized @Nullable Segment take() throws IOException {
    if (lent != null) {
      free.push(lent);
      lent = null;
      notifyAll();
    }
    int slot = (int) (taken % ready.length);
    try {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      while (ready[slot] == null && reading > 0) {
        wait();
      }
    } catch (InterruptedException e) {
      throw new UserException(ExitCode.INTERRUPTED, "interrupted while reading", null);
    }
    @Nullable Segment next = ready[slot];
    if (next == null) {
      rethrow(failure);
      return null;
    }
    ready[slot] = null;
    lent = next;
    taken++;
    return next;
  }

  private static void rethrow(@Nullable Throwable failure) throws IOException {
    if (failure == null) {
      return;
    }
    switch (failure) {
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    for (Thread thread : threads) {
      thread.interrupt();
    }
    source.close();
  }
}
