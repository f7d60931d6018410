package dev.kerneltracer.load;

import org.jspecify.annotations.Nullable;

/// A request before its prompt is written: how much of what.
///
/// @param startNs when a recording sent it, in nanoseconds since its first; 0 where it doesn't say
/// @param prompt null where the recording has the text itself
/// @param asksLast whether the last part of the prompt is a question about the parts before
/// @param text the text of a recording
record RequestShape(
    String requestClass,
    long startNs,
    @Nullable PromptShape prompt,
    boolean asksLast,
    @Nullable String text,
    int outputTokens) {

  RequestShape at(long newStartNs) {
    return new RequestShape(requestClass, newStartNs, prompt, asksLast, text, outputTokens);
  }

  /// The same within a context: where prompt and answer exceed it, less a margin for what a server
  /// adds, both shrink in proportion. Recorded text is not cut, its answer is.
  ///
  /// @param contextTokens 0 for no limit
  RequestShape within(int contextTokens, int promptTokens) {
    int room = contextTokens - Math.min(LoadPlanner.CONTEXT_MARGIN, contextTokens / 4);
    if (contextTokens <= 0 || (long) promptTokens + outputTokens <= room) {
      return this;
    }
    if (prompt == null) {
      return new RequestShape(
          requestClass, startNs, null, asksLast, text, Math.max(1, room - promptTokens));
    }
    double scale = room / ((double) promptTokens + outputTokens);
    int output = Math.max(1, (int) (outputTokens * scale));
    int input = Math.clamp((int) (promptTokens * scale), 1, Math.max(1, room - output));
    return new RequestShape(requestClass, startNs, prompt.shrunk(input), asksLast, null, output);
  }
}
