package dev.kerneltracer.live;

import java.util.Map;

/// One thing that the numbers of a session say.
///
/// @param id stands for the rule, for programs
/// @param text what was seen, with the numbers, and what to do
/// @param flag of vLLM, exactly as it is to be written; empty where none helps
/// @param numbers that the text rests on
public record Finding(
    String id, Level level, String text, String flag, Map<String, Double> numbers) {
  /// How a finding is meant.
  public enum Level {
    /// Something to change.
    ADVICE,
    /// Something that is as it should be.
    GOOD,
    /// Something to know.
    NOTE
  }
}
