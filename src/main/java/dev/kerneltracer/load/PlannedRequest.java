package dev.kerneltracer.load;

/// One request of a plan, made before anything is sent.
///
/// @param id its place in the plan, from 0
/// @param requestClass the class of the mix that it belongs to: `chat`, `rag`, `code` …
/// @param intendedStartNs when it shall be sent, in nanoseconds since the run's start; 0 for all
///   where a new one is sent as soon as another has ended
/// @param promptTokens how many tokens the prompt has by the tokenizer, -1 where nobody has counted
/// @param outputTokens how many tokens are asked for
public record PlannedRequest(
    int id,
    String requestClass,
    long intendedStartNs,
    Prompt prompt,
    int promptTokens,
    int outputTokens) {}
