package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/// What one message of a stream says, of completions and of chat alike; read again for each.
final class Frame {
  private static final JsonFactory JSON = JsonFactory.builder().build();

  /// A token that the server can send is no longer than this many at once.
  private static final int MOST_TOKENS = 1_000_000;

  private boolean hasText;
  private int tokenIds;
  private boolean finished;
  private int promptTokens;
  private int completionTokens;
  private @Nullable String error;

  /// Whether it carries a piece of text, be it content, reasoning or a call of a tool.
  boolean hasText() {
    return hasText;
  }

  /// How many ids of tokens it carries.
  int tokenIds() {
    return tokenIds;
  }

  /// Whether it says why the generation ended.
  boolean isFinished() {
    return finished;
  }

  /// As `usage` has it, -1 without.
  int promptTokens() {
    return promptTokens;
  }

  /// All so far, as `usage` has it, -1 without.
  int completionTokens() {
    return completionTokens;
  }

  /// What the server says went wrong.
  @Nullable String error() {
    return error;
  }

  void read(byte[] bytes, int at, int length) throws HttpFailure {
    hasText = false;
    tokenIds = 0;
    finished = false;
    promptTokens = -1;
    completionTokens = -1;
    error = null;
    boolean isError = false;
    String message = null;
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), bytes, at, length)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw unreadable();
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        boolean isWord = parser.nextToken() == JsonToken.VALUE_STRING;
        switch (name) {
          case "choices" -> choices(parser);
          case "usage" -> usage(parser);
          case "error" -> error(parser);
          default -> {
            if (isWord && name.equals("object")) {
              isError = parser.getString().equals("error");
            } else if (isWord && name.equals("message")) {
              message = parser.getString();
            }
            parser.skipChildren();
          }
        }
      }
      if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
        throw unreadable();
      }
      // vLLM before 0.10 says it without an object of its own.
      if (isError && error == null) {
        error = message == null ? "an error without a message" : message;
      }
    } catch (JacksonException e) {
      throw unreadable();
    }
  }

  private void choices(JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      parser.skipChildren();
      return;
    }
    while (parser.nextToken() == JsonToken.START_OBJECT) {
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        switch (name) {
          case "text" -> hasText |= isText(parser, value);
          case "delta" -> delta(parser, value);
          case "token_ids" -> tokenIds += count(parser, value);
          case "finish_reason" -> finished |= value == JsonToken.VALUE_STRING;
          default -> parser.skipChildren();
        }
      }
    }
  }

  private void delta(JsonParser parser, JsonToken value) {
    if (value != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return;
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      JsonToken field = parser.nextToken();
      switch (name) {
        case "content", "reasoning_content", "reasoning" -> hasText |= isText(parser, field);
        case "tool_calls" -> hasText |= count(parser, field) > 0;
        default -> parser.skipChildren();
      }
    }
  }

  private static boolean isText(JsonParser parser, JsonToken value) {
    if (value == JsonToken.VALUE_STRING) {
      return parser.getStringLength() > 0;
    }
    parser.skipChildren();
    return false;
  }

  private static int count(JsonParser parser, JsonToken value) {
    if (value != JsonToken.START_ARRAY) {
      parser.skipChildren();
      return 0;
    }
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      parser.skipChildren();
      count++;
    }
    return Math.min(count, MOST_TOKENS);
  }

  private void usage(JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return;
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      JsonToken value = parser.nextToken();
      if (value == JsonToken.VALUE_NUMBER_INT && name.equals("prompt_tokens")) {
        promptTokens = parser.getIntValue();
      } else if (value == JsonToken.VALUE_NUMBER_INT && name.equals("completion_tokens")) {
        completionTokens = parser.getIntValue();
      } else {
        parser.skipChildren();
      }
    }
  }

  private void error(JsonParser parser) {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return;
    }
    error = "an error without a message";
    if (parser.currentToken() == JsonToken.VALUE_STRING) {
      error = parser.getString();
    }
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return;
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      if (parser.nextToken() == JsonToken.VALUE_STRING && name.equals("message")) {
        error = parser.getString();
      } else {
        parser.skipChildren();
      }
    }
  }

  private static HttpFailure unreadable() {
    return new HttpFailure(Status.ERROR, "a message of the stream is no JSON object");
  }
}
