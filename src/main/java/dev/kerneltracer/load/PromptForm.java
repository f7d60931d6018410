package dev.kerneltracer.load;

/// How prompts are sent.
public enum PromptForm {
  /// Token ids, to the completions endpoint.
  TOKENS,
  /// Text, to the completions endpoint.
  TEXT,
  /// A message of a user, to the chat endpoint.
  CHAT
}
