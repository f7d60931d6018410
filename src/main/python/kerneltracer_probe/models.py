"""Builds the model of a job: its class, its weights, and the memory it will take, estimated first."""

import os

from .report import JobError, event, note


def _classes(config):
    """(class, kind of run) of a configuration: decoders and encoder-decoders generate, encoders run
    one forward pass. The configuration's own `architectures` decide where they are named."""
    import transformers
    from transformers.models.auto import modeling_auto as auto

    name = config.model_type
    named = (getattr(config, "architectures", None) or [None])[0]
    causal = dict(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    seq2seq = dict(auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    masked = dict(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    base = dict(auto.MODEL_MAPPING_NAMES)

    def values(mapping):
        for value in mapping.values():
            yield from value if isinstance(value, (tuple, list)) else [value]

    if named and hasattr(transformers, named):
        if named in values(seq2seq):
            return transformers.AutoModelForSeq2SeqLM, "generate"
        if named in values(causal) and (named not in values(masked) or getattr(config, "is_decoder", False)):
            return transformers.AutoModelForCausalLM, "generate"
        if named in values(masked):
            return transformers.AutoModelForMaskedLM, "forward"
    if name in seq2seq and getattr(config, "is_encoder_decoder", False):
        return transformers.AutoModelForSeq2SeqLM, "generate"
    if name in masked and not getattr(config, "is_decoder", False):
        return transformers.AutoModelForMaskedLM, "forward"
    if name in causal or "AutoModelForCausalLM" in getattr(config, "auto_map", {}):
        return transformers.AutoModelForCausalLM, "generate"
    if name in base:
        return transformers.AutoModel, "forward"
    raise JobError(
        "unsupported_model",
        f"Transformers has no language model for the type '{name}': neither a causal, a masked, nor a "
        "sequence-to-sequence one.",
    )


def pick_device(wanted):
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        raise JobError(
            "environment",
            f"--device cuda: torch {torch.__version__} sees no GPU"
            + (" (it was built without GPU support)." if built is None else "."),
        )
    return wanted


def pick_dtype(wanted, config, device):
    """The dtype asked for; else the one the model's authors saved it in; else bf16 on a GPU, f32 on a CPU."""
    import torch

    if wanted != "auto":
        return getattr(torch, wanted)
    declared = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    if isinstance(declared, str):
        declared = getattr(torch, declared, None)
    if isinstance(declared, torch.dtype):
        return declared
    return torch.bfloat16 if device == "cuda" else torch.float32


def _keywords(spec, dtype):
    import transformers

    numbers = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    keywords = {"dtype" if numbers >= (4, 56) else "torch_dtype": dtype}
    if spec["attn_implementation"]:
        keywords["attn_implementation"] = spec["attn_implementation"]
    if spec["trust_remote_code"]:
        keywords["trust_remote_code"] = True
    return keywords


def _free_bytes(device):
    import torch

    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    from .supervisor import available_bytes, group_free_bytes

    return min((free for free in (available_bytes(), group_free_bytes()) if free is not None), default=None)


def estimate_bytes(config, parameters, dtype, batch, tokens, prompt_tokens):
    """Memory of a run: weights = parameters x bytes; KV cache = 2 x layers x key-value heads x head size
    x bytes x sequences x tokens; activations of the widest layer in the prefill, logits and scores in f32."""
    import torch

    def value(*names, default=0):
        for name in names:
            try:
                found = getattr(config, name, None)
            except Exception:
                # Values that differ from layer to layer refuse to be read as one.
                continue
            if isinstance(found, int) and found > 0:
                return found
        return default

    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    config = text
    size = torch.empty((), dtype=dtype).element_size()
    layers = value("num_hidden_layers", "n_layer", "num_layers", default=1)
    heads = value("num_attention_heads", "n_head", default=1)
    hidden = value("hidden_size", "n_embd", "d_model", default=1)
    kv_heads = value("num_key_value_heads", "num_kv_heads", default=heads)
    head_dim = value("head_dim", default=max(1, hidden // heads))
    wide = max(value("intermediate_size", "n_inner", "ffn_dim", default=4 * hidden), hidden)
    cache = 2 * layers * kv_heads * head_dim * size * batch * tokens
    activations = batch * prompt_tokens * ((4 * hidden + 3 * wide) * size + value("vocab_size") * 4)
    return {"weights": parameters * size, "kv_cache": cache, "activations": activations}


def _refuse_what_does_not_fit(spec, model_class, config, dtype, device, prompt_tokens):
    import torch

    try:
        with torch.device("meta"):
            skeleton = model_class.from_config(config, **_keywords(spec, dtype))
    except Exception as error:
        note(f"memory not estimated: this model can't be built without memory ({type(error).__name__}: {error})"[:300])
        return
    parameters = sum(item.numel() for item in skeleton.parameters())
    del skeleton
    parts = estimate_bytes(config, parameters, dtype, spec["batch"], prompt_tokens + spec["new_tokens"], prompt_tokens)
    needed, free = sum(parts.values()), _free_bytes(device)
    event("estimate", parameters=parameters, free_bytes=free, **{f"{key}_bytes": size for key, size in parts.items()})
    if free is not None and needed > free:

        def gib(size):
            return f"{size / 2**30:.1f} GiB"

        raise JobError(
            "failed",
            f"needs {gib(needed)} on {device} but {gib(free)} are free: weights {gib(parts['weights'])} "
            f"({parameters / 1e9:.2f} B parameters in {str(dtype).removeprefix('torch.')}), KV cache "
            f"{gib(parts['kv_cache'])}, activations {gib(parts['activations'])}. Use a smaller --dtype or "
            "--batch, --tiny, or --set num_hidden_layers=N.",
        )


def build(spec, config, device, prompt_tokens):
    """(model, kind of run), in eval mode and on its device."""
    import torch

    model_class, run = _classes(config)
    dtype = pick_dtype(spec["dtype"], config, device)
    _refuse_what_does_not_fit(spec, model_class, config, dtype, device, prompt_tokens)
    torch.manual_seed(spec["seed"])
    if spec["weights"] == "real":
        model = model_class.from_pretrained(
            spec["model"]["path"], config=config, local_files_only=True, **_keywords(spec, dtype)
        ).to(device)
    else:
        with torch.device(device):
            model = model_class.from_config(config, **_keywords(spec, dtype))
        # Some models make parts on the host whatever the default device is.
        model = model.to(device=device)
    model.eval()
    size = sum(item.numel() for item in model.parameters())
    event(
        "model",
        model_class=type(model).__name__,
        parameters=size,
        dtype=str(dtype).removeprefix("torch."),
        device=device,
        run=run,
        attention=str(getattr(config, "_attn_implementation", "")),
    )
    return model, run


def prompt_inputs(spec, config, device):
    """Token ids and mask: a real prompt through the model's tokenizer, else random tokens by the seed."""
    import torch

    if spec["prompt"] is not None:
        if spec["model"]["kind"] == "type":
            raise JobError(
                "usage", "--prompt needs a tokenizer, which a model type does not have; use --prompt-tokens."
            )
        from transformers import AutoTokenizer

        path = spec["model"]["path"]
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                path, local_files_only=True, trust_remote_code=spec["trust_remote_code"]
            )
        except Exception as error:
            raise JobError(
                "usage", f"--prompt: no tokenizer in {os.path.basename(path)} ({error}); use --prompt-tokens."[:400]
            ) from error
        ids = tokenizer([spec["prompt"]] * spec["batch"], return_tensors="pt")["input_ids"]
        return ids.to(device), torch.ones_like(ids).to(device)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    vocabulary = getattr(text, "vocab_size", None) or 1000
    generator = torch.Generator().manual_seed(spec["seed"])
    low = min(10, vocabulary - 1)
    shape = (spec["batch"], spec["prompt_tokens"])
    ids = torch.randint(low, vocabulary, shape, generator=generator)
    return ids.to(device), torch.ones_like(ids).to(device)
