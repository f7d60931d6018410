package dev.kerneltracer.trace;

/// A trace in memory.
///
/// @param eventCount every object in the file's list of events, of whatever phase
/// @param events the complete events among them, in columns
/// @param strings the texts that the columns refer to
public record Trace(
    long eventCount, Events events, StringTable strings, TraceMetadata metadata, Trust trust) {}
