package dev.kerneltracer.live;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Which CUDA graph: the mode and every field of the descriptor that this version of vLLM tells
/// graphs apart by, as texts (`True`, `False`, empty for none).
public record GraphKey(String mode, Map<String, String> fields) {
  /// Fields that some versions tell graphs apart by besides: columns after the compat ones.
  static final List<String> FURTHER =
      List.of("num_active_loras", "uniform_token_count", "max_query_len");

  private static final Set<String> COMPAT = Set.of("num_tokens", "num_reqs", "uniform", "has_lora");

  public GraphKey {
    fields = Map.copyOf(fields);
  }

  static GraphKey of(Event event) {
    return new GraphKey(event.text("mode", ""), event.texts("descriptor"));
  }

  /// Tokens that the graph runs; -1 where the descriptor does not tell.
  public long tokens() {
    String tokens = fields.getOrDefault("num_tokens", "");
    return tokens.matches("[0-9]{1,12}") ? Long.parseLong(tokens) : -1;
  }

  String requests() {
    return fields.getOrDefault("num_reqs", "");
  }

  /// Whether all its requests have equally many tokens.
  String uniform() {
    return fields.getOrDefault("uniform", "");
  }

  /// Whether adapters run in it.
  String hasLora() {
    return fields.getOrDefault("has_lora", "");
  }

  /// The fields that have no column of their own among the compat ones, in the order of their
  /// names.
  Map<String, String> further() {
    Map<String, String> rest = new TreeMap<>(fields);
    rest.keySet().removeAll(COMPAT);
    return rest;
  }

  /// For people, short: `FULL 8 tokens, 8 requests`.
  public String label() {
    StringBuilder text = new StringBuilder(mode);
    text.append(' ').append(tokens() < 0 ? "?" : String.valueOf(tokens()));
    if (!requests().isEmpty()) {
      text.append(" × ").append(requests()).append(" requests");
    }
    if (hasLora().equals("True")) {
      text.append(" LoRA");
    }
    return text.toString();
  }

  /// All of it without a comma, since it stands in a CSV cell that awk shall find.
  String descriptor() {
    StringBuilder text = new StringBuilder(mode);
    Map<String, String> sorted = new LinkedHashMap<>();
    sorted.put("num_tokens", fields.getOrDefault("num_tokens", ""));
    sorted.put("num_reqs", requests());
    sorted.put("uniform", uniform());
    sorted.put("has_lora", hasLora());
    sorted.putAll(further());
    sorted.forEach((name, value) -> {
      if (!value.isEmpty()) {
        text.append(' ').append(name).append('=').append(value);
      }
    });
    return text.toString().replace(',', ';');
  }
}
