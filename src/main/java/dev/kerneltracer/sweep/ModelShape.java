package dev.kerneltracer.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The sizes of a decoder that decide what its operators compute and move, from its config.json.
///
/// @param gated whether the first projection of an MLP has a gate beside it, as SwiGLU's
/// @param intermediate width within a dense MLP
/// @param sparseLayers how many of the layers have experts in place of a dense MLP
/// @param expertIntermediate width within an expert
/// @param fullAttention whether all layers attend to the whole context, with keys and values as
///   they are: neither windows nor linear nor latent attention
record ModelShape(
    int layers,
    int hidden,
    int heads,
    int keyValueHeads,
    int headDim,
    int vocabulary,
    boolean gated,
    int intermediate,
    int sparseLayers,
    int experts,
    int expertsPerToken,
    int expertIntermediate,
    boolean fullAttention) {
  private static final Set<String> WITHOUT_GATE =
      Set.of("opt", "gpt_neox", "phi", "falcon", "starcoder2", "gptj", "bloom", "mpt", "nemotron");

  /// Reads a config.json; null where it does not tell these sizes under the usual names.
  static @Nullable ModelShape read(Path configuration) {
    try {
      return of(new JsonMapper().readTree(Files.readString(configuration)));
    } catch (IOException | JacksonException e) {
      return null;
    }
  }

  static @Nullable ModelShape of(JsonNode configuration) {
    JsonNode text =
        configuration.path("text_config").isObject()
            ? configuration.path("text_config")
            : configuration;
    int layers = text.path("num_hidden_layers").asInt(0);
    int hidden = text.path("hidden_size").asInt(0);
    int heads = text.path("num_attention_heads").asInt(0);
    if (layers <= 0 || hidden <= 0 || heads <= 0) {
      return null;
    }
    int experts = positive(text, "num_experts", "num_local_experts", "n_routed_experts");
    int intermediate = positive(text, "intermediate_size");
    int expertIntermediate = positive(text, "moe_intermediate_size");
    boolean full = !text.path("kv_lora_rank").isNumber();
    for (JsonNode type : text.path("layer_types")) {
      full &= type.asString("").equals("full_attention");
    }
    return new ModelShape(
        layers,
        hidden,
        heads,
        orElse(positive(text, "num_key_value_heads"), heads),
        orElse(positive(text, "head_dim"), hidden / heads),
        positive(text, "vocab_size"),
        !WITHOUT_GATE.contains(text.path("model_type").asString("")),
        intermediate,
        experts == 0 ? 0 : sparseLayers(text, layers),
        experts,
        positive(text, "num_experts_per_tok"),
        orElse(expertIntermediate, intermediate),
        full);
  }

  private static int sparseLayers(JsonNode text, int layers) {
    int dense = text.path("mlp_only_layers").size() + positive(text, "first_k_dense_replace");
    int every = Math.max(1, positive(text, "decoder_sparse_step"));
    return Math.max(0, layers / every - dense);
  }

  private static int positive(JsonNode text, String... names) {
    for (String name : names) {
      int value = text.path(name).asInt(0);
      if (value > 0) {
        return value;
      }
    }
    return 0;
  }

  private static int orElse(int value, int otherwise) {
    return value > 0 ? value : otherwise;
  }

  int denseLayers() {
    return layers - sparseLayers;
  }
}
