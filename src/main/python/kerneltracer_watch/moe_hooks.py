"""Which experts the tokens go to: in sampled forwards, counted on the device and copied without waiting for it.

Within a CUDA graph no Python runs, so what is counted are eager forwards: all of them with `--enforce-eager`, else
those that no graph fits, which are the larger prefills."""

import re
import sys

from kerneltracer_watch import worker_hooks
from kerneltracer_watch.hooks import Hook
from kerneltracer_watch.probe import PROBE, now_ns

LAYERS = "vllm.model_executor.layers.fused_moe"
# Most layers whose counts are kept, as a bound.
MOST_LAYERS = 1024
# Besides every so many forwards, one is sampled after this time.
SAMPLE_NS = 1_000_000_000


class Layer:
    """The counts of one layer that are on their way from the device."""

    def __init__(self, index, name):
        self.index, self.name = index, name
        self.calls = 0
        self.sampled_at = 0
        self.counts = self.host = self.done = None
        self.tokens = self.top_k = 0


class Experts:
    def __init__(self):
        self.layers = {}

    def reset(self):
        self.layers.clear()


EXPERTS = Experts()
PROBE.on_switch.append(EXPERTS.reset)


def hooks(track):
    if "moe" not in track:
        return []
    return [
        Hook("moe", f"{LAYERS}.router.base_router", "BaseRouter.select_experts", _around_router, optional=True),
        Hook("moe", f"{LAYERS}.router.base_router", "BaseRouter._select_experts", _around_router, optional=True),
        Hook("moe", f"{LAYERS}.layer", "FusedMoE.select_experts", _around_static, optional=True),
        Hook("moe", f"{LAYERS}.experts.cpu_moe", "select_experts", _around_function, optional=True),
        Hook("moe", f"{LAYERS}.cpu_fused_moe", "select_experts", _around_function, optional=True),
        Hook("moe", f"{LAYERS}.router.cpu_router", "select_experts", _around_function, optional=True),
    ]


def _around_router(original):
    def select_experts(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        _count(id(self), self, _logits(args, kwargs), result)
        return result

    return select_experts


def _around_static(original):
    def select_experts(*args, **kwargs):
        result = original(*args, **kwargs)
        _count(None, None, _logits(args, kwargs), result)
        return result

    return select_experts


_around_function = _around_static


def _logits(args, kwargs):
    return kwargs.get("router_logits", args[1] if len(args) > 1 else None)


def _count(key, router, logits, result):
    forward = worker_hooks.WORKER.current
    if forward is None or logits is None:
        return
    try:
        layers = EXPERTS.layers
        if key is None:
            # No object of the layer's is at hand: layers are told by their order within the forward.
            key = forward.moe_calls
            forward.moe_calls += 1
        layer = layers.get(key)
        if layer is None:
            if len(layers) >= MOST_LAYERS:
                return
            layer = layers[key] = Layer(*_name(len(layers), router))
        layer.calls += 1
        if layer.host is not None:
            _read(layer)
        now = now_ns()
        due = layer.calls % PROBE.settings.interval == 1 or now - layer.sampled_at > SAMPLE_NS
        if due and layer.host is None:
            layer.sampled_at = now
            _start(layer, logits.shape[-1], result[1])
    except Exception as error:
        PROBE.broken("moe", error)


def _name(position, router):
    for attribute in ("layer_id", "layer_name", "prefix"):
        value = getattr(router, attribute, None)
        if isinstance(value, int) and value >= 0:
            return value, f"layers.{value}"
        if isinstance(value, str) and value:
            number = re.search(r"\d+", value)
            return int(number.group()) if number else position, value
    return position, f"layers.{position}"


def _start(layer, experts, chosen):
    torch = sys.modules["torch"]
    if torch.compiler.is_compiling():
        return
    cuda = chosen.is_cuda
    if cuda and torch.cuda.is_current_stream_capturing():
        return
    flat = chosen.reshape(-1).long()
    counts = torch.zeros(experts + 1, dtype=torch.long, device=chosen.device)
    # Whatever is no expert of this rank (-1, a replica beyond the last) goes to the place after the last.
    flat = torch.where((flat >= 0) & (flat < experts), flat, torch.full_like(flat, experts))
    counts.scatter_add_(0, flat, torch.ones_like(flat))
    layer.tokens, layer.top_k = chosen.shape[0], chosen.shape[-1]
    if cuda:
        layer.counts = counts
        layer.host = torch.empty(experts + 1, dtype=torch.long, pin_memory=True)
        layer.host.copy_(counts, non_blocking=True)
        layer.done = torch.cuda.Event()
        layer.done.record()
    else:
        layer.host, layer.done = counts, None
        _read(layer)


def _read(layer):
    """Once the copy is complete; until then another time."""
    done = layer.done
    if done is not None and (sys.modules["torch"].cuda.is_current_stream_capturing() or not done.query()):
        return
    counts = layer.host.tolist()[:-1]
    layer.counts = layer.host = layer.done = None
    fields = {
        "layer": layer.name,
        "layer_index": layer.index,
        "tokens": layer.tokens,
        "top_k": layer.top_k,
        "counts": counts,
        "forwards": 1,
    }
    PROBE.file.put("moe", now_ns(), fields)
