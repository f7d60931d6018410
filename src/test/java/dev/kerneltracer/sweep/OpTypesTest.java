package dev.kerneltracer.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpTypesTest {
  private final OpTypes types = OpTypes.load();

  @ParameterizedTest
  @CsvSource({
    "model.layers.0.self_attn.qkv_proj QKVParallelLinear, KQV_PROJ",
    "model.layers.0.self_attn.kv_b_proj ColumnParallelLinear, KQV_PROJ",
    "transformer.h.0.attn.c_attn QKVParallelLinear, KQV_PROJ",
    "model.layers.0.self_attn.rotary_emb Llama3RotaryEmbedding, ROPE",
    "model.layers.0.self_attn.attn Attention, PAGED_ATTENTION",
    "model.layers.0.self_attn.mla_attn.mla_attn MLAAttention, PAGED_ATTENTION",
    "model.layers.0.self_attn Qwen3Attention, OTHERS",
    "model.layers.0.self_attn.o_proj RowParallelLinear, O_PROJ",
    "transformer.h.0.attn.c_proj RowParallelLinear, O_PROJ",
    "model.layers.0.mlp.gate_up_proj MergedColumnParallelLinear, GATED_UP_PROJ",
    "model.layers.0.mlp.down_proj RowParallelLinear, DOWN_PROJ",
    "transformer.h.0.mlp.c_proj RowParallelLinear, DOWN_PROJ",
    "model.layers.0.mlp.act_fn SiluAndMul, ACTIVATION",
    "transformer.h.0.mlp.act NewGELU, ACTIVATION",
    "model.layers.0.mlp.experts FusedMoE, EXPERTS",
    "model.layers.0.mlp.gate ReplicatedLinear, ROUTER",
    "model.layers.0.self_attn.q_norm RMSNorm, NORMS",
    "transformer.h.0.ln_1 LayerNorm, NORMS",
    "model.embed_tokens VocabParallelEmbedding, EMBEDDING",
    "logits_processor LogitsProcessor, LM_HEAD",
    "sampler Sampler, SAMPLING",
    "model.layers.0 Qwen3DecoderLayer, OTHERS"
  })
  void aModuleIsKnownByItsPathAndClass(String module, OpType type) {
    assertThat(types.of(List.of(module))).isEqualTo(type);
  }

  @Test
  void aModuleWithoutARuleIsOfTheTypeOfTheOneAroundIt() {
    assertThat(
            types.of(
                List.of(
                    "model.layers.0.mlp.experts.quant Quantizer",
                    "model.layers.0.mlp.experts FusedMoE",
                    "model.layers.0 Layer")))
        .isEqualTo(OpType.EXPERTS);
    assertThat(
            types.of(
                List.of(
                    "model.layers.0.mlp.experts.gate ReplicatedLinear",
                    "model.layers.0.mlp.experts MoERunner")))
        .isEqualTo(OpType.ROUTER);
    assertThat(types.of(List.of())).isEqualTo(OpType.OTHERS);
  }

  @Test
  void everyTypeButOthersHasARule() {
    String text = "";
    try (java.io.InputStream rules =
        java.util.Objects.requireNonNull(OpTypes.class.getResourceAsStream("op_types.txt"))) {
      text = new String(rules.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    List<String> ruled = new ArrayList<>(text.lines().map(line -> line.split(" ", 2)[0]).toList());
    assertThat(ruled)
        .containsAll(
            Arrays.stream(OpType.values())
                .filter(type -> type != OpType.OTHERS)
                .map(OpType::text)
                .toList());
  }
}
