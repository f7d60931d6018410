package dev.kerneltracer.load;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/// The bytes of requests in OpenAI's interface. The same request gives the same bytes.
final class Bodies {
  private static final JsonFactory JSON = JsonFactory.builder().build();

  private final Target target;
  private final LoadPlan.Sampling sampling;

  Bodies(Target target, LoadPlan.Sampling sampling) {
    this.target = target;
    this.sampling = sampling;
  }

  /// Whether such a prompt can be sent there.
  static boolean fits(Prompt prompt, Target.Endpoint endpoint) {
    return prompt instanceof Prompt.Chat == (endpoint == Target.Endpoint.CHAT);
  }

  byte[] body(PlannedRequest request) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(1 << 10);
    try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), out)) {
      json.writeStartObject();
      json.writeStringProperty("model", target.model());
      prompt(json, request.prompt());
      json.writeNumberProperty("max_tokens", request.outputTokens());
      json.writeNumberProperty("temperature", sampling.temperature());
      if (sampling.ignoreEos()) {
        json.writeBooleanProperty("ignore_eos", true);
      }
      if (target.tokenIds()) {
        json.writeBooleanProperty("return_token_ids", true);
      }
      json.writeBooleanProperty("stream", true);
      json.writeName("stream_options");
      json.writeStartObject();
      json.writeBooleanProperty("include_usage", true);
      json.writeEndObject();
      json.writeEndObject();
    }
    return out.toByteArray();
  }

  byte[] head(int bodyBytes) {
    String host = target.host().contains(":") ? "[" + target.host() + "]" : target.host();
    String port = target.url().getPort() < 0 ? "" : ":" + target.port();
    String key = target.apiKey() == null ? "" : "Authorization: Bearer " + target.apiKey() + "\r\n";
    return ("POST "
            + target.path()
            + " HTTP/1.1\r\nHost: "
            + host
            + port
            + "\r\nUser-Agent: kerneltracer\r\nAccept: text/event-stream\r\n"
            + key
            + "Content-Type: application/json\r\nContent-Length: "
            + bodyBytes
            + "\r\n\r\n")
        .getBytes(StandardCharsets.ISO_8859_1);
  }

  private static void prompt(JsonGenerator json, Prompt prompt) {
    switch (prompt) {
      case Prompt.Text text -> json.writeStringProperty("prompt", text.text());
      case Prompt.Tokens tokens -> {
        json.writeName("prompt");
        json.writeStartArray();
        for (int id : tokens.ids()) {
          json.writeNumber(id);
        }
        json.writeEndArray();
      }
      case Prompt.Chat chat -> {
        json.writeName("messages");
        json.writeStartArray();
        for (Prompt.Message message : chat.messages()) {
          json.writeStartObject();
          json.writeStringProperty("role", message.role());
          json.writeStringProperty("content", message.content());
          json.writeEndObject();
        }
        json.writeEndArray();
      }
    }
  }
}
