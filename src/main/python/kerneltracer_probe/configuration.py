"""A model's configuration: from a type's defaults or a directory, with `--set` and `--tiny` applied."""

import difflib
import json
import os

from .report import JobError


def _nearest(name, known):
    close = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return f" The nearest: {', '.join(close)}." if close else ""


def model_types():
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return set(CONFIG_MAPPING.keys())


def _known_keys(config):
    keys = set(config.to_dict()) | set(getattr(config, "attribute_map", {}))
    return {key for key in keys if not key.startswith("_") and key != "transformers_version"}


def _check_key(config, dotted):
    """Refuses a key that the configuration does not have, naming the nearest that it has. What stands in
    plain dictionaries (rope_parameters, ...) is open."""
    here, path = config, ""
    for part in dotted.split("."):
        if here is None or isinstance(here, dict):
            return
        if not hasattr(here, "to_dict"):
            raise JobError("usage", f"--set {dotted}: '{path.rstrip('.')}' is a plain value, nothing lies in it.")
        known = _known_keys(here)
        if part not in known:
            raise JobError("usage", f"--set {dotted}: the configuration has no '{path}{part}'.{_nearest(part, known)}")
        here = getattr(here, part, None)
        path += part + "."


def _merge(target, dotted, value, config):
    """Puts `value` under a dotted key, keeping what stands beside it."""
    head, _, rest = dotted.partition(".")
    if not rest:
        target[head] = value
        return
    child = getattr(config, head, None) if config is not None else None
    inner = target.get(head)
    if not isinstance(inner, dict):
        inner = dict(child) if isinstance(child, dict) else {}
        if hasattr(child, "to_dict"):
            inner["model_type"] = child.model_type
    target[head] = inner
    _merge(inner, rest, value, child if hasattr(child, "to_dict") else None)


def _deep(target, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _deep(target[key], value)
        else:
            target[key] = value


def _cut_layer_lists(given, config, set_keys, prefix):
    """Fewer layers by `--set`: what a saved configuration says of each layer (`layer_types`) ends with
    them, unless it was set, too."""
    from . import tiny

    before = getattr(config, "num_hidden_layers", None)
    after = given.get("num_hidden_layers")
    if prefix + "num_hidden_layers" in set_keys and isinstance(before, int) and isinstance(after, int):
        for key, value in tiny.layer_lists(given, before).items():
            if prefix + key not in set_keys:
                given[key] = value[:after]
    for key, value in given.items():
        if isinstance(value, dict) and hasattr(child := getattr(config, key, None), "to_dict"):
            _cut_layer_lists(value, child, set_keys, f"{prefix}{key}.")


def _build(kind, given, what):
    try:
        return kind.from_dict(given) if hasattr(kind, "from_dict") else kind(**given)
    except JobError:
        raise
    except Exception as error:
        raise JobError(
            "failed", f"the configuration of {what} is not accepted: {type(error).__name__}: {error}"
        ) from error


def load(spec):
    """The configuration object that the job's model is built from."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    model = spec["model"]
    if model["kind"] == "type":
        name = model["name"]
        if name not in model_types():
            import transformers

            raise JobError(
                "unsupported_model",
                f"Transformers {transformers.__version__} has no model type '{name}'." + _nearest(name, model_types()),
            )
        kind, given, what = CONFIG_MAPPING[name], {}, f"type:{name}"
    else:
        what = model["path"]
        with open(os.path.join(what, "config.json"), encoding="utf-8") as file:
            given = json.load(file)
        kind = _class_of(given, what, spec)
    config = _build(kind, dict(given), what)
    for dotted, _ in spec["set"]:
        _check_key(config, dotted)
    if spec["tiny"]:
        from . import tiny

        full = config.to_dict()
        full.setdefault("model_type", config.model_type)
        _deep(given, tiny.shrink(full, [dotted for dotted, _ in spec["set"]], heads=_tiny_heads(spec)))
        if spec["set"]:
            config = _build(kind, json.loads(json.dumps(given)), what)
    for dotted, value in spec["set"]:
        _merge(given, dotted, value, config)
    _cut_layer_lists(given, config, {dotted for dotted, _ in spec["set"]}, "")
    if spec["tiny"] or spec["set"]:
        config = _build(kind, given, what)
    if model["kind"] != "type":
        config._name_or_path = what
    return config


def _tiny_heads(spec):
    """vLLM has no attention kernels for heads as small as 16."""
    from . import tiny

    return tiny.HEADS // 2 if spec.get("framework") == "vllm" else tiny.HEADS


def _class_of(given, what, spec):
    """The configuration class that a config.json asks for, remote code included when it is trusted."""
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if "AutoConfig" in given.get("auto_map", {}) and spec["trust_remote_code"]:
        return type(AutoConfig.from_pretrained(what, trust_remote_code=True, local_files_only=True))
    name = given.get("model_type")
    if name in model_types():
        return CONFIG_MAPPING[name]
    if "auto_map" in given:
        raise JobError(
            "unsupported_model",
            f"{what} brings its own model code, which runs only with --trust-remote-code; read it first.",
        )
    import transformers

    reason = "names no model_type" if name is None else f"names the model type '{name}'"
    raise JobError(
        "unsupported_model",
        f"{what}/config.json {reason}, which Transformers {transformers.__version__} does not know."
        + (_nearest(name, model_types()) if name else ""),
    )
