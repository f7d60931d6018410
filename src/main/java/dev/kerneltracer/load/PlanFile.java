package dev.kerneltracer.load;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import tools.jackson.core.io.JsonStringEncoder;

/// A plan as JSON lines: each request with its time, lengths and prompt, warm-up first.
public final class PlanFile {
  private PlanFile() {}

  /// Writes it.
  ///
  /// @throws dev.kerneltracer.UserException where it cannot be written
  public static void write(Path file, LoadPlan plan) {
    AtomicFile.write(
        file,
        out -> {
          writeAll(plan, out);
        });
  }

  static void writeAll(LoadPlan plan, OutputStream out) throws IOException {
    for (PlannedRequest request : plan.warmup()) {
      out.write(line(request));
    }
    for (PlannedRequest request : plan.requests()) {
      out.write(line(request));
    }
  }

  private static byte[] line(PlannedRequest request) {
    StringBuilder json = new StringBuilder("{\"id\":").append(request.id());
    json.append(",\"class\":");
    text(json, request.requestClass());
    json.append(",\"intended_start_ns\":").append(request.intendedStartNs());
    json.append(",\"prompt_tokens\":").append(request.promptTokens());
    json.append(",\"output_tokens\":").append(request.outputTokens());
    switch (request.prompt()) {
      case Prompt.Text plain -> {
        json.append(",\"prompt\":");
        text(json, plain.text());
      }
      case Prompt.Tokens tokens -> {
        json.append(",\"prompt\":[");
        boolean further = false;
        for (int id : tokens.ids()) {
          json.append(further ? "," : "").append(id);
          further = true;
        }
        json.append(']');
      }
      case Prompt.Chat chat -> {
        json.append(",\"messages\":[");
        boolean further = false;
        for (Prompt.Message message : chat.messages()) {
          json.append(further ? "," : "").append("{\"role\":");
          text(json, message.role());
          json.append(",\"content\":");
          text(json, message.content());
          json.append('}');
          further = true;
        }
        json.append(']');
      }
    }
    return json.append("}\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void text(StringBuilder json, String text) {
    json.append('"');
    JsonStringEncoder.getInstance().quoteAsString(text, json);
    json.append('"');
  }
}
