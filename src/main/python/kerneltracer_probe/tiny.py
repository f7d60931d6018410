"""`--tiny`: the same structure with small numbers.

Two layers of each kind, four heads of 16, a hidden size of 64, 1,024 tokens, eight experts. Relations
between numbers (grouped or multi-query attention, heads times head size, rope sections) are kept. The
rules go by the names that Transformers' configurations share; `shrink` works on the plain dictionary of
one configuration and returns the values to change, sub-configurations included.
"""

import math

HIDDEN = 64
HEADS = 4
HEAD_DIM = 16
ROPE_DIM = 8
VOCABULARY = 1024
EXPERTS = 8

_LAYER_COUNTS = (
    "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_encoder_layers "
    "num_decoder_layers num_blocks depth conf_num_hidden_layers num_layers_per_stack"
).split()

_HEAD_COUNTS = (
    "num_attention_heads n_head n_heads num_heads attention_heads encoder_attention_heads "
    "decoder_attention_heads num_encoder_attention_heads num_decoder_attention_heads index_n_heads "
    "swa_num_attention_heads linear_num_value_heads linear_num_heads conf_num_attention_heads"
).split()

_KEY_VALUE_HEADS = (
    "num_key_value_heads num_kv_heads kv_n_heads num_query_groups swa_num_key_value_heads "
    "linear_num_key_heads num_global_key_value_heads"
).split()

_WIDTHS = ("hidden_size n_embd d_model emb_dim embedding_dim dim embed_dim").split()

# The sizes of an attention head: HIDDEN over the number of heads.
_HEAD_DIMS = (
    "head_dim dim_head d_head kv_channels attention_head_size query_pre_attn_scalar swa_head_dim global_head_dim"
).split()

# The name of a value and what it becomes; `min` rules only ever shrink.
_FIXED = {
    **dict.fromkeys(
        (
            "linear_key_head_dim linear_value_head_dim index_head_dim v_head_dim qk_nope_head_dim "
            "linear_head_dim mamba_d_head mamba_head_dim mamba_headdim"
        ).split(),
        HEAD_DIM,
    ),
    **dict.fromkeys(
        (
            "intermediate_size ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim n_inner ffn_hidden_size dim_ff "
            "dff d_inner feed_forward_size intermediate_size_mlp dense_intermediate_size mlp_dim mamba_d_ssm"
        ).split(),
        2 * HIDDEN,
    ),
    **dict.fromkeys(
        (
            "moe_intermediate_size expert_ffn_hidden_size shared_expert_intermediate_size "
            "shared_intermediate_size moe_shared_expert_intermediate_size"
        ).split(),
        HIDDEN // 2,
    ),
    **dict.fromkeys(
        (
            "vocab_size vocab_size_per_layer_input decoder_vocab_size encoder_hash_byte_group_vocab "
            "ngram_vocab_size_base"
        ).split(),
        VOCABULARY,
    ),
    **dict.fromkeys(["time_step_rank", "mamba_dt_rank"], HIDDEN // 16),
    **dict.fromkeys(["mamba_n_heads", "mamba_num_heads"], 2 * HIDDEN // HEAD_DIM),
    "qk_rope_head_dim": ROPE_DIM,
    "kv_lora_rank": 16,
    "q_lora_rank": 32,
}

_AT_MOST = {
    **dict.fromkeys(
        ("num_experts num_local_experts n_routed_experts moe_num_experts num_routed_experts zero_expert_num").split(),
        EXPERTS,
    ),
    **dict.fromkeys(
        (
            "num_experts_per_tok num_experts_per_token moe_topk moe_k moe_top_k top_k_experts n_group "
            "num_expert_group mamba_n_groups n_groups mamba_ngroups"
        ).split(),
        2,
    ),
    **dict.fromkeys(("state_size mamba_d_state ssm_state_size ple_embed_dim hidden_size_per_layer_input").split(), 16),
    **dict.fromkeys(("chunk_size mamba_chunk_size block_size split_ngram_parts").split(), 32),
    "topk_group": 1,
}

# Every so many layers another kind: two whole periods keep two layers of each.
_PERIODS = (
    "sliding_window_pattern _sliding_window_pattern decoder_sparse_step interleave_moe_layer_step "
    "moe_layer_freq moe_layer_interval attn_layer_period expert_layer_period full_attention_interval "
    "no_rope_layer_interval global_attn_every_n_layers cross_attn_every_n_layers"
).split()

# Kinds that alternate with no word in the configuration (Transformers before layer_types).
_ALTERNATING = {"gemma2": 2}

# The first so many layers are of another kind.
_LEADING = ["first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"]


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)


def layer_lists(config, count):
    """Values that say something of each layer: lists as long as there are layers."""
    return {
        key: value
        for key, value in config.items()
        if isinstance(value, list) and len(value) == count and key != "architectures"
    }


def _kept_layers(config, count):
    """The indexes of the layers to keep: the first two of each kind."""
    lists = layer_lists(config, count)
    leading = max([config[key] for key in _LEADING if _is_count(config.get(key))], default=0)
    special = {
        key: set(value)
        for key, value in config.items()
        if key in ("mlp_only_layers", "moe_layers", "full_attn_idxs", "cross_attention_layers", "hybrid_layer_ids")
        and isinstance(value, list)
    }
    period = 1
    if not lists:
        for key in _PERIODS:
            if _is_count(config.get(key)) and config[key] > 1:
                period = math.lcm(period, config[key])
        period = math.lcm(period, _ALTERNATING.get(config.get("model_type"), 1))
    kept, seen = [], {}
    for layer in range(count):
        kind = (
            tuple(str(value[layer]) for value in lists.values()),
            layer < leading,
            tuple(layer in members for members in special.values()),
            layer % period,
        )
        if seen.get(kind, 0) < 2:
            seen[kind] = seen.get(kind, 0) + 1
            kept.append(layer)
    if period > 1:
        kept = list(range(min(count, max(kept) + 1)))
    return kept, leading, special


def _layers(config, changes, wanted, prefix):
    for name in _LAYER_COUNTS:
        count = config.get(name)
        if not _is_count(count) or count <= 2 or prefix + name in wanted:
            continue
        kept, leading, special = _kept_layers(config, count)
        changes[name] = len(kept)
        for key, value in layer_lists(config, count).items():
            changes[key] = [value[layer] for layer in kept]
        for key in _LEADING:
            if _is_count(config.get(key)) and leading:
                changes[key] = sum(layer < config[key] for layer in kept)
        for key, members in special.items():
            changes[key] = [place for place, layer in enumerate(kept) if layer in members]
        for key in ("moe_layer_end_index", "max_window_layers", "num_kv_shared_layers"):
            if _is_count(config.get(key)) and config[key] > 0:
                changes[key] = min(config[key], len(kept) - 1)


def _heads(config, changes, small):
    heads = next((config[key] for key in _HEAD_COUNTS if _is_count(config.get(key))), None)
    for key in _HEAD_COUNTS:
        if _is_count(config.get(key)) and config[key] > 0:
            changes[key] = small
    for key in _KEY_VALUE_HEADS:
        count = config.get(key)
        if _is_count(count) and count > 0:
            changes[key] = 1 if count == 1 else small if heads is not None and count >= heads else small // 2


def _rope(config, changes):
    """Values that are counted in head dimensions: rotary sizes, sections, per-frequency factors."""
    heads = next((config[key] for key in _HEAD_COUNTS if _is_count(config.get(key))), 1)
    width = next((config[key] for key in _WIDTHS if _is_count(config.get(key))), HIDDEN)
    before = config.get("head_dim") if _is_count(config.get("head_dim")) else max(1, width // max(1, heads))
    after = changes.get("head_dim", HEAD_DIM)
    scale = after / before
    if _is_count(config.get("rotary_dim")):
        changes["rotary_dim"] = max(2, int(config["rotary_dim"] * scale) // 2 * 2)
    for key in ("rope_parameters", "rope_scaling"):
        rope = config.get(key)
        if not isinstance(rope, dict):
            continue
        new = {}
        for name, value in rope.items():
            if name in ("short_factor", "long_factor") and isinstance(value, list):
                new[name] = value[: max(1, int(len(value) * scale))]
            elif name.endswith("_section") and isinstance(value, list):
                left = after // 2
                new[name] = []
                for part in value[:-1]:
                    new[name].append(max(1, int(part * scale)))
                new[name].append(max(1, left - sum(new[name])))
        if new:
            changes[key] = {**rope, **new}


def shrink(config, wanted=(), prefix="", heads=HEADS):
    """The changes that make the configuration `config` (a dictionary) tiny. The dotted keys in `wanted`
    will be set by the user: a number of layers among them is left alone, with what goes by layer. Fewer
    `heads` are larger ones."""
    head_dim = HIDDEN // heads
    changes = {}
    _layers(config, changes, wanted, prefix)
    _heads(config, changes, heads)
    widths = {config[key] for key in _WIDTHS if _is_count(config.get(key))}
    for key, value in config.items():
        if key in changes or not _is_count(value) or value <= 0:
            continue
        if key in _WIDTHS:
            changes[key] = HIDDEN
        elif key in _HEAD_DIMS:
            changes[key] = min(value, head_dim)
        elif key in _FIXED:
            changes[key] = min(value, _FIXED[key])
        elif key in _AT_MOST:
            changes[key] = min(value, _AT_MOST[key])
        elif value in widths and value > 16 and key.endswith(("_size", "_dim", "_width", "_rank")):
            changes[key] = HIDDEN
        elif key.endswith("_rank"):
            changes[key] = min(value, 16)
    # Defaults that Transformers leaves empty but its models need.
    if "head_dim" in config and config["head_dim"] is None:
        changes["head_dim"] = head_dim
    if "num_experts_per_tok" in config and config["num_experts_per_tok"] is None:
        changes["num_experts_per_tok"] = 2
    if "qk_rope_head_dim" in changes and _is_count(config.get("head_dim")):
        together = config.get("qk_nope_head_dim", 0) + config["qk_rope_head_dim"]
        changes["head_dim"] = (
            ROPE_DIM
            if config["head_dim"] == config["qk_rope_head_dim"]
            else ROPE_DIM + HEAD_DIM
            if config["head_dim"] == together
            else HEAD_DIM
        )
    if "qk_head_dim" in config and "qk_rope_head_dim" in changes:
        changes["qk_head_dim"] = HEAD_DIM + ROPE_DIM
    if "expand" in config and "num_heads" in changes:
        changes["num_heads"] = config["expand"] * HIDDEN // HEAD_DIM
    _rope(config, changes)
    _tokens(config, changes)
    for key, value in config.items():
        if (
            isinstance(value, dict)
            and key not in changes
            and (key.endswith("_config") or key in ("encoder", "decoder", "text_encoder", "audio_encoder"))
        ):
            small = shrink(value, wanted, f"{prefix}{key}.", heads)
            if small:
                kind = {"model_type": value["model_type"]} if value.get("model_type") else {}
                changes[key] = {**kind, **small}
    return changes


def _tokens(config, changes):
    """Special tokens stay inside the small vocabulary, each its own."""
    vocabulary = changes.get("vocab_size")
    if vocabulary is None:
        return
    used = vocabulary
    for key, value in config.items():
        if not key.endswith(("_token_id", "_token_index")):
            continue
        if (_is_count(value) and value >= vocabulary) or (
            isinstance(value, list) and any(_is_count(item) and item >= vocabulary for item in value)
        ):
            used -= 1
            changes[key] = used
