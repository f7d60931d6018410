"""Builds the model of a job: its class, its weights, and the memory it will take, estimated first."""

import os

from .report import JobError, event, note


def _classes(config):
    """(class, kind of run) of a configuration: what can generate generates, encoders run one forward
    pass. The class that the configuration's own `architectures` name is the one that is built."""
    import transformers
    from transformers.models.auto import modeling_auto as auto

    remote = getattr(config, "auto_map", None) or {}
    for name in ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForMaskedLM", "AutoModel"):
        if name in remote:
            return getattr(transformers, name), "generate" if name.endswith(("CausalLM", "Seq2SeqLM")) else "forward"
    named = (getattr(config, "architectures", None) or [""])[0]
    model_class = getattr(transformers, named, None) if named else None
    if model_class is not None and hasattr(model_class, "can_generate"):
        generates = model_class.can_generate() and "MaskedLM" not in named
        return _of_tokens(model_class, config), "generate" if generates else "forward"

    def has(mapping):
        return config.model_type in dict(getattr(auto, mapping, {}))

    decoder = getattr(config, "is_decoder", False)
    if has("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES") and getattr(config, "is_encoder_decoder", False):
        return transformers.AutoModelForSeq2SeqLM, "generate"
    if has("MODEL_FOR_MASKED_LM_MAPPING_NAMES") and not decoder:
        return transformers.AutoModelForMaskedLM, "forward"
    if has("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"):
        return transformers.AutoModelForCausalLM, "generate"
    if has("MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"):
        return transformers.AutoModelForImageTextToText, "generate"
    if has("MODEL_MAPPING_NAMES"):
        return _of_tokens(transformers.AutoModel, config), "forward"
    raise JobError(
        "unsupported_model",
        f"Transformers has no language model for the type '{config.model_type}'.",
    )


def _of_tokens(model_class, config):
    """The class, unless it reads images or sound instead of tokens."""
    main_input = getattr(model_class, "main_input_name", "input_ids")
    if main_input != "input_ids" or _vocabulary(config) is None:
        what = main_input if main_input != "input_ids" else "no vocabulary"
        raise JobError(
            "unsupported_model",
            f"{getattr(config, 'model_type', '')} is no language model ({model_class.__name__} has {what}): "
            "only models that read tokens can be run.",
        )
    return model_class


def _text(config):
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _value(config, name):
    """A value of the configuration; None where there is none, or one for each layer, which refuses to
    be read as one."""
    try:
        return getattr(config, name, None)
    except Exception:
        return None


def _vocabulary(config):
    return _value(_text(config), "vocab_size")


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
        dtype = getattr(torch, wanted, None)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise JobError("usage", f"--dtype {wanted}: torch has no floating point dtype of that name.")
        return dtype
    declared = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    if isinstance(declared, str):
        declared = getattr(torch, declared, None)
    if declared is torch.float16 and device == "cpu" and _version(torch) < (2, 5):
        note(f"float32 instead of the declared float16, for which torch {torch.__version__} lacks CPU kernels")
        return torch.float32
    if isinstance(declared, torch.dtype):
        return declared
    return torch.bfloat16 if device == "cuda" else torch.float32


def _version(module):
    return tuple(int(part) for part in module.__version__.split(".")[:2])


def _keywords(spec, dtype):
    import transformers

    keywords = {"dtype" if _version(transformers) >= (4, 56) else "torch_dtype": dtype}
    if spec["attn_implementation"]:
        keywords["attn_implementation"] = spec["attn_implementation"]
    if spec["trust_remote_code"]:
        keywords["trust_remote_code"] = True
    return keywords


def free_bytes(device):
    import torch

    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    from .supervisor import available_bytes, group_free_bytes

    return min((free for free in (available_bytes(), group_free_bytes()) if free is not None), default=None)


def _from_config(model_class, config, spec, dtype):
    keywords = _keywords(spec, dtype)
    if model_class.__name__.startswith("AutoModel"):
        return model_class.from_config(config, **keywords)
    keywords.pop("trust_remote_code", None)
    return model_class._from_config(config, **keywords)


def _estimate_bytes(config, weights, size, spec, run, prompt_tokens, logit_rows):
    """Memory of a run by part: KV cache = 2 x layers x key-value heads x head size x bytes x sequences x
    tokens; activations = tokens of the prefill x (4 hidden + 3 widest layer) x bytes, and logits in f32.
    Training keeps every layer's activations, and beside the logits in f32 their gradient; gradients are as
    large as the weights, and AdamW keeps two numbers for each."""
    text = _text(config)

    def value(*names, default=0):
        for name in names:
            found = _value(text, name)
            if isinstance(found, int) and found > 0:
                return found
        return default

    layers = value("num_hidden_layers", "n_layer", "num_layers", default=1)
    heads = value("num_attention_heads", "n_head", default=1)
    hidden = value("hidden_size", "n_embd", "d_model", default=1)
    kv_heads = value("num_key_value_heads", "num_kv_heads", default=heads)
    head_dim = value("head_dim", default=max(1, hidden // heads))
    wide = max(value("intermediate_size", "n_inner", "ffn_dim", default=4 * hidden), hidden)
    tokens = spec["batch"] * prompt_tokens
    cached = tokens + spec["batch"] * spec["new_tokens"]
    if run == "train":
        layer = tokens * (8 * hidden + 4 * wide) * size
        return {
            "weights": weights,
            "gradients": weights,
            "optimizer": 2 * weights,
            "activations": layers * layer + 3 * logit_rows * value("vocab_size") * 4,
        }
    return {
        "weights": weights,
        "kv_cache": 2 * layers * kv_heads * head_dim * size * cached,
        "activations": tokens * (4 * hidden + 3 * wide) * size + logit_rows * value("vocab_size") * 4,
    }


_PARTS = {
    "kv_cache": "KV cache",
    "gradients": "gradients",
    "optimizer": "AdamW's state",
    "activations": "activations",
}


def _weights_on_disk(directory):
    names = [name for name in os.listdir(directory) if name.endswith(".safetensors")]
    return sum(os.path.getsize(os.path.join(directory, name)) for name in names)


def _refuse_what_does_not_fit(spec, model_class, run, config, dtype, device, prompt_tokens):
    import torch
    import transformers

    try:
        with torch.device("meta"):
            skeleton = _from_config(model_class, config, spec, dtype)
    except Exception as error:
        note(f"memory not estimated: this model can't be built without memory ({type(error).__name__}: {error})"[:300])
        return
    parameters = sum(item.numel() for item in skeleton.parameters())
    del skeleton
    size = torch.empty((), dtype=dtype).element_size()
    weights = parameters * size
    if spec["weights"] == "real" and getattr(config, "quantization_config", None):
        weights = _weights_on_disk(spec["model"]["path"]) or weights
    # generate() computes the last position's logits alone: some models from 4.45 on, most from 4.46 on.
    trimmed = run == "generate" and _version(transformers) >= (4, 46)
    logit_rows = spec["batch"] * (1 if trimmed else prompt_tokens)
    parts = _estimate_bytes(config, weights, size, spec, run, prompt_tokens, logit_rows)
    needed, free = sum(parts.values()), free_bytes(device)
    event("estimate", parameters=parameters, free_bytes=free, **{f"{key}_bytes": size for key, size in parts.items()})
    if not spec["memory_check"]:
        return

    def gib(size):
        return f"{size / 2**30:.1f} GiB"

    if free is not None and needed > free:
        raise JobError(
            "failed",
            f"needs {gib(needed)} on {device} but {gib(free)} are free: weights {gib(parts.pop('weights'))} "
            f"({parameters / 1e9:.2f} B parameters in {str(dtype).removeprefix('torch.')}), "
            + ", ".join(f"{_PARTS[key]} {gib(size)}" for key, size in parts.items())
            + ". Use a smaller --dtype or --batch, --tiny, or --set num_hidden_layers=N; --no-memory-check tries "
            "all the same.",
        )
    host = free_bytes("cpu")
    if device != "cpu" and spec["weights"] == "real" and host is not None and weights > host:
        raise JobError(
            "failed",
            f"real weights pass through host memory: {gib(weights)} are needed there but {gib(host)} are free. "
            "Use --weights random, or --no-memory-check to try all the same.",
        )


def build(spec, config, device, prompt_tokens):
    """(model, kind of run), in eval mode and on its device."""
    import torch

    model_class, run = _classes(config)
    if spec["mode"] == "train":
        run = "train"
    # The last generated token is never fed back.
    _check_positions(config, prompt_tokens + (spec["new_tokens"] - 1 if run == "generate" else 0))
    dtype = pick_dtype(spec["dtype"], config, device)
    _refuse_what_does_not_fit(spec, model_class, run, config, dtype, device, prompt_tokens)
    torch.manual_seed(spec["seed"])
    if spec["weights"] == "real":
        model = model_class.from_pretrained(
            spec["model"]["path"], config=config, local_files_only=True, **_keywords(spec, dtype)
        ).to(device)
    else:
        with torch.device(device):
            model = _from_config(model_class, config, spec, dtype)
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
        if ids.shape[1] == 0:
            raise JobError("usage", "--prompt: the tokenizer makes no token of that text.")
        return ids.to(device), torch.ones_like(ids).to(device)
    vocabulary = _vocabulary(config) or 1000
    generator = torch.Generator().manual_seed(spec["seed"])
    low = min(10, vocabulary - 1)
    shape = (spec["batch"], spec["prompt_tokens"])
    ids = torch.randint(low, vocabulary, shape, generator=generator)
    return ids.to(device), torch.ones_like(ids).to(device)


def _check_positions(config, tokens):
    """Learned positions end; a run beyond them would fail deep inside, on a GPU beyond repair."""
    text = _text(config)
    if any(_value(text, name) for name in ("rope_parameters", "rope_theta", "rope_scaling", "alibi")):
        return
    last = _value(text, "max_position_embeddings") or _value(text, "n_positions")
    if isinstance(last, int) and 0 < last < tokens:
        raise JobError(
            "usage",
            f"the model has {last} positions but {tokens} are asked for: fewer --prompt-tokens or --new-tokens.",
        )


def longest(config):
    """The positions that a model is made for; None where its configuration names none."""
    text = _text(config)
    found = _value(text, "max_position_embeddings") or _value(text, "n_positions")
    return found if isinstance(found, int) and found > 0 else None


def engine_bytes(spec, config, dtype, path, longest_tokens):
    """(bytes by part, parameters) of a model in a serving engine, whose KV cache must hold the longest
    sequence. Parameters are counted on Transformers' model of the same configuration; None where it has
    none that can be built without memory."""
    import torch

    size = torch.empty((), dtype=dtype).element_size()
    parameters = None
    try:
        model_class, _ = _classes(config)
        with torch.device("meta"):
            skeleton = _from_config(model_class, config, spec, dtype)
        parameters = sum(item.numel() for item in skeleton.parameters())
        del skeleton
    except Exception as error:
        note(f"parameters not counted: {type(error).__name__}: {error}"[:300])
    weights = (parameters or 0) * size
    if spec["weights"] == "real":
        weights = _weights_on_disk(path) or weights
    one = {**spec, "batch": 1, "new_tokens": 0}
    parts = _estimate_bytes(config, weights, size, one, "generate", longest_tokens, 0)
    # Longer prompts than this are computed in chunks.
    tokens = min(longest_tokens, max(8192, spec["batch"] * spec["prompt_tokens"]))
    chunk = _estimate_bytes(config, weights, size, one, "generate", tokens, spec["batch"])
    return {**parts, "activations": chunk["activations"]}, parameters
