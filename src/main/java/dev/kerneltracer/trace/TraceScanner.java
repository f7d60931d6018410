package dev.kerneltracer.trace;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Walks the inflated bytes of a trace: the document's brackets and commas, its metadata, and those
/// events that were not read ahead. A value that reaches beyond the window is read again when the
/// window has moved, so that no parser state outlives a window.
///
/// A damaged event is left out; reading goes on at the next object that has a `ph`.
final class TraceScanner {
  /// Metadata that is kept: real traces have some twenty keys, and some MiB in the largest.
  private static final int MOST_KEYS = 1000;

  /// How much text without any event is gone through before it is given up as no trace.
  private static final long MOST_WITHOUT_EVENTS = 1L << 30;

  /// Objects tried inside a fault before it is skipped as a whole; bounds the work on hostile
  /// input.
  private static final int MOST_TRIES = 64;

  /// What a row takes in all, columns, links and tables, with room for what else a program keeps.
  private static final int BYTES_PER_ROW = 240;

  /// What one value may take, or all metadata: a part of the memory, and never more than this.
  private static final int PART_OF_MEMORY = 16;

  private static final int LARGEST_VALUE = 1 << 26;

  private static final int ROWS_AT_ONCE = 1 << 10;

  private final Window window;
  private final JsonBytes json;
  private final EventParser parser;
  private final Events events;
  private final long mostRows;
  private final int largest;
  private final EventBlock block;
  private final DamageLog damage;
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private Where where = Where.BEFORE;
  private boolean bareArray;
  private boolean separated = true;
  private boolean eventsSeen;
  private boolean closed;
  private boolean full;
  private long metadataChars;

  private enum Where {
    BEFORE,
    METADATA,
    EVENTS,
    AFTER
  }

  /// @param memory that may be used, in bytes
  TraceScanner(
      ParsedSegments segments, EventTables tables, Events events, DamageLog damage, long memory) {
    this.block = new EventBlock(tables, ROWS_AT_ONCE);
    this.largest = (int) Math.min(memory / PART_OF_MEMORY, LARGEST_VALUE);
    this.window = new Window(segments, damage, largest);
    this.json = window.json;
    this.parser = new EventParser(json, tables.strings());
    this.events = events;
    this.mostRows = memory / BYTES_PER_ROW;
    this.damage = damage;
  }

  /// Reads to the end of the input.
  void scan() throws IOException {
    scanAll();
    flush();
  }

  private void scanAll() throws IOException {
    while (!full) {
      if (where == Where.EVENTS && separated && json.onlySpace(json.position)) {
        takeEventsReadAhead();
      }
      int start = json.position;
      try {
        byte next = json.peek();
        start = json.position;
        json.forgetOddities();
        if (where == Where.AFTER) {
          damage.add(window.offset(start), Damage.Kind.TRAILING_BYTES);
          closed = true;
          window.skipRest();
          return;
        }
        step(next, start);
      } catch (Stop stop) {
        Damage.@Nullable Kind kind = stop.kind();
        if (kind == null) {
          if (json.onlySpace(start)) {
            start = json.limit;
          }
          if (!isHopeless() && window.move(start)) {
            continue;
          }
          start = json.position;
          if (window.inputEnded()) {
            end(start);
            return;
          }
          kind = Damage.Kind.TOO_LARGE;
        }
        damage.add(window.offset(json.position), kind);
        if (!recover(start)) {
          return;
        }
        where = Where.EVENTS;
        separated = false;
      }
    }
  }

  private void flush() {
    append(block);
    block.clear();
  }

  private void append(EventBlock more) {
    events.append(more);
    if (!full && events.kept() >= mostRows) {
      full = true;
      damage.add(window.offset(json.position), Damage.Kind.TOO_MANY_EVENTS);
    }
    full |= isHopeless();
  }

  private void takeEventsReadAhead() throws IOException {
    flush();
    @Nullable EventBlock ahead = window.advance();
    while (ahead != null) {
      append(ahead);
      if (full || json.position < json.limit) {
        return;
      }
      ahead = window.advance();
    }
  }

  private void step(byte next, int start) {
    switch (where) {
      case BEFORE -> {
        if (isByteOrderMark(next)) {
          json.position += 3;
        } else if (next == '[') {
          json.position++;
          bareArray = true;
          eventsSeen = true;
          where = Where.EVENTS;
        } else {
          json.expect('{');
          where = Where.METADATA;
        }
      }
      case METADATA -> metadata(next, start);
      case EVENTS -> element(next, start);
      case AFTER -> throw new AssertionError();
    }
  }

  private void metadata(byte next, int start) {
    if (next == ',') {
      json.position++;
    }
    if (json.peek() == '}') {
      json.position++;
      where = Where.AFTER;
      return;
    }
    json.key();
    String key = text();
    if (key.equals("traceEvents") && json.peek() == '[') {
      json.position++;
      eventsSeen = true;
      where = Where.EVENTS;
      separated = true;
      return;
    }
    json.skipValue();
    String value = text();
    byte after = json.peek();
    if (after != ',' && after != '}') {
      throw Stop.BAD_SYNTAX;
    }
    metadataChars += key.length() + value.length();
    if (metadata.size() < MOST_KEYS && metadataChars < largest) {
      metadata.put(key, value);
    }
    noteOddities(start);
  }

  private String text() {
    int length = json.textTo - json.textFrom;
    return new String(json.bytes, json.textFrom, length, StandardCharsets.UTF_8);
  }

  private void element(byte next, int start) {
    switch (next) {
      case '{' -> {
        event(start);
        if (!separated) {
          damage.add(window.offset(start), Damage.Kind.MISSING_COMMA);
        }
        separated = false;
      }
      case ',' -> {
        if (separated) {
          damage.add(window.offset(start), Damage.Kind.BAD_SYNTAX);
        }
        json.position++;
        separated = true;
      }
      case ']' -> {
        json.position++;
        where = bareArray ? Where.AFTER : Where.METADATA;
      }
      default -> {
        json.skipValue();
        separated = false;
      }
    }
  }

  private void event(int start) {
    parser.parse();
    if (block.isFull()) {
      flush();
    }
    block.add(parser);
    noteOddities(start);
  }

  private void noteOddities(int start) {
    if (json.controlAt >= start) {
      damage.add(window.offset(json.controlAt), Damage.Kind.CONTROL_CHARACTER);
    }
    if (json.badUtf8At >= start) {
      damage.add(window.offset(json.badUtf8At), Damage.Kind.BAD_UTF8);
    }
  }

  /// Reads the next event behind a fault, and says whether there is one.
  private boolean recover(int faultyStart) throws IOException {
    long skippedFrom = window.offset(faultyStart);
    // Outside the list, as behind a stray bracket, the faulty byte itself may begin an event.
    int candidate = where == Where.EVENTS ? faultyStart + 1 : faultyStart;
    int faultAt = Math.max(candidate, json.position);
    int tries = 0;
    while (true) {
      int brace = indexOfBrace(tries < MOST_TRIES ? candidate : Math.max(candidate, faultAt));
      if (brace < 0) {
        if (isHopeless() || !window.move(json.limit)) {
          damage.skip(window.offset(json.limit) - skippedFrom);
          damage.addCut(window.offset(json.limit));
          return false;
        }
        candidate = json.position;
        faultAt = candidate;
        continue;
      }
      json.position = brace;
      json.forgetOddities();
      try {
        parser.parse();
        if (parser.has(Field.PHASE)) {
          damage.skip(window.offset(brace) - skippedFrom);
          json.position = brace;
          json.forgetOddities();
          event(brace);
          return true;
        }
        candidate = brace + 1;
      } catch (Stop stop) {
        faultAt = Math.max(brace + 1, json.position);
        candidate = brace + 1;
        if (stop.kind() == null) {
          if (window.move(brace)) {
            // Positions are of the moved window now; all faults so far lie before the brace.
            candidate = json.position;
            faultAt = candidate;
            continue;
          }
          candidate = window.inputEnded() ? json.position + 1 : json.limit;
          faultAt = json.limit;
        }
      }
      tries++;
    }
  }

  private boolean isHopeless() {
    return !events.phaseSeen() && !block.phaseSeen && window.bytesRead() > MOST_WITHOUT_EVENTS;
  }

  private int indexOfBrace(int from) {
    for (int at = from; at < json.limit; at++) {
      if (json.bytes[at] == '{') {
        return at;
      }
    }
    return -1;
  }

  private void end(int start) {
    if (where == Where.AFTER) {
      closed = true;
      return;
    }
    damage.addCut(window.offset(json.limit));
    damage.skip(json.limit - start);
    json.position = json.limit;
  }

  private boolean isByteOrderMark(byte next) {
    int at = json.position;
    return next == (byte) 0xEF
        && at + 2 < json.limit
        && json.bytes[at + 1] == (byte) 0xBB
        && json.bytes[at + 2] == (byte) 0xBF;
  }

  /// Whether a list of events was found at all.
  boolean eventsSeen() {
    return eventsSeen;
  }

  /// Whether the document ends with its last bracket.
  boolean closed() {
    return closed;
  }

  /// How the text begins, up to [ForeignData#HEAD] bytes.
  byte[] head() {
    return window.head();
  }

  long bytesRead() {
    return window.bytesRead();
  }

  /// The values beside the events, as JSON text.
  Map<String, String> metadata() {
    return metadata;
  }
}
