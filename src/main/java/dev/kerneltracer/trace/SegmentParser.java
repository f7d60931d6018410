package dev.kerneltracer.trace;

/// Reads the events of a segment ahead of its turn, as long as they are without any fault.
final class SegmentParser {
  private final JsonBytes json = new JsonBytes(new byte[JsonBytes.PADDING], 0);
  private final EventParser parser;

  SegmentParser(StringTable strings) {
    parser = new EventParser(json, strings);
  }

  void parse(Segment segment) {
    segment.events.clear();
    segment.parsedTo = segment.from;
    if (!segment.atEvent) {
      return;
    }
    json.bytes = segment.bytes;
    json.position = segment.from;
    json.limit = segment.limit;
    try {
      while (json.peek() == '{' && !segment.events.isFull()) {
        json.forgetOddities();
        parser.parse();
        if (json.peek() != ',' || json.hasOddities()) {
          return;
        }
        json.position++;
        segment.events.add(parser);
        segment.parsedTo = json.position;
      }
      segment.parsedTo = json.position;
    } catch (Stop stop) {
      if (json.position == json.limit && json.onlySpace(segment.parsedTo)) {
        segment.parsedTo = json.limit;
      }
    }
  }
}
