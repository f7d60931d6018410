"""Model code of a model that misbehaves on purpose, loaded by Transformers as remote code.

`misbehaviour` in its config.json says how; what it does, it does in its forward pass, under the tracer.
"""

import os
import signal
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM


class MisbehavingConfig(LlamaConfig):
    model_type = "misbehaving"
    misbehaviour = "none"

    def __init__(self, misbehaviour="none", **values):
        super().__init__(**values)
        self.misbehaviour = misbehaviour


def _deaf_tree():
    """Three generations, deaf to SIGTERM, the last in a session of its own; then sleeps."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.fork() == 0 and os.fork() == 0:
        os.setsid()
    with open(os.path.join(os.environ["TREE"], str(os.getpid())), "w"):
        pass
    while True:
        time.sleep(60)


def _patch_torch():
    """Whoever runs after this in the same process fails, or counts something else."""
    torch.nn.functional.silu = torch.relu
    torch.Tensor.__add__ = lambda *_: 1 / 0
    torch.set_default_dtype(torch.float64)
    os.environ["HF_HUB_OFFLINE"] = "0"
    os.chdir("/")


def _branching(value):
    """Which way it goes is known only once it ran: Dynamo breaks off here."""
    return value + 1 if value.sum() > 1e9 else value


def _branching_in_a_loop(value):
    """Dynamo cannot resume in a loop, and leaves the whole function to Python."""
    for _ in range(2):
        if value.sum() > 1e9:
            value = value + 1
    return value


class MisbehavingForCausalLM(LlamaForCausalLM):
    config_class = MisbehavingConfig

    def forward(self, *inputs, **named):
        kind = self.config.misbehaviour
        if kind == "raise":
            raise ValueError("planted:\nthis model always fails")
        if kind == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "kill_once" and not os.path.exists(os.environ["ONCE"]):
            open(os.environ["ONCE"], "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "exit":
            os._exit(7)
        if kind == "deaf_tree":
            _deaf_tree()
        if kind == "eat_memory":
            self.eaten = [torch.ones(16 * 1024 * 1024) for _ in range(256)]
        if kind == "allocate_too_much":
            torch.empty(1 << 50)
        if kind == "patch_torch":
            _patch_torch()
        if kind == "break_graphs":
            _branching_in_a_loop(_branching(self.lm_head.weight * 2))
        if kind == "leak_memory":
            torch.leaked = torch.ones(128 * 1024 * 1024)
            torch.leaked += 1
        return super().forward(*inputs, **named)
