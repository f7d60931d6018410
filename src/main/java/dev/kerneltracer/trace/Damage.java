package dev.kerneltracer.trace;

/// One fault of a trace file.
///
/// @param offset where it lies, in bytes of the inflated text
/// @param kind what it is
public record Damage(long offset, Kind kind) {
  public enum Kind {
    /// The text ends before its last bracket.
    CUT,
    /// The compressed data cannot be inflated from here on.
    BAD_GZIP,
    /// A backslash and something that is no JSON escape; the event is left out.
    BAD_ESCAPE,
    /// An unescaped control character in a string; the event is kept.
    CONTROL_CHARACTER,
    /// Bytes that are no UTF-8; the event is kept, they read as U+FFFD.
    BAD_UTF8,
    /// A comma is missing between two events; both are kept.
    MISSING_COMMA,
    /// Anything else that is not JSON; the event is left out.
    BAD_SYNTAX,
    /// Nested deeper than any real trace; the event is left out.
    TOO_DEEP,
    /// One value larger than the largest window; left out.
    TOO_LARGE,
    /// More events than the memory holds; the rest of the file was not read.
    TOO_MANY_EVENTS,
    /// Something follows after the end of the document.
    TRAILING_BYTES
  }
}
