package dev.kerneltracer.load;

import java.util.List;

/// What one request sends.
public sealed interface Prompt {
  /// Plain text, tokenized by the server.
  record Text(String text) implements Prompt {}

  /// Token ids, which need no tokenizer on either side.
  record Tokens(List<Integer> ids) implements Prompt {}

  /// A conversation for the chat endpoint.
  record Chat(List<Message> messages) implements Prompt {}

  /// One turn.
  ///
  /// @param role `system`, `user` or `assistant`
  record Message(String role, String content) {}
}
