"""What ModuleCalls records of a model of awkward modules: record_awkward_modules.py FILE writes its path.json.

A module that is called under two names, one that raises and is caught, one whose forward is called past its hooks, a
scripted and a lazy one, one with a __call__ of its own, and one that is never called. Nothing may stay behind.
"""

import sys

import torch
from kerneltracer_probe.module_calls import ModuleCalls, ModuleMarks
from torch import nn


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x, fail=False):
        if fail:
            raise ValueError("on purpose")
        return {"a": self.linear(x), "b": [x, x]}


class OwnCall(nn.Linear):
    def __call__(self, x):
        return self.forward(x)


class Side(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.embed = shared

    def forward(self, x):
        return self.embed(x)["a"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = Inner()
        self.encoder, self.decoder = Side(self.shared), Side(self.shared)
        self.inner = nn.ModuleList([Inner(), Inner()])
        self.never = nn.Linear(3, 3)
        self.script = torch.jit.script(nn.Linear(2, 2))
        self.lazy = nn.LazyLinear(3)
        self.own = OwnCall(2, 2)

    def forward(self, x):
        self.encoder(x)
        self.decoder(x)
        try:
            self.inner[0](x, fail=True)
        except ValueError:
            pass
        self.inner[1].forward(x)
        self.script(x)
        self.lazy(x)
        return self.own(x), None


def main():
    model = Model()
    model(torch.ones(1, 2))
    before = {name: set(module.__dict__) for name, module in model.named_modules()}
    with ModuleCalls(model, stacks=True) as calls, ModuleMarks(model):
        model(torch.ones(1, 2))
        try:
            model(torch.ones(1, 3))
        except RuntimeError:
            pass
        model(torch.ones(3, 2))
    after = {name: set(module.__dict__) for name, module in model.named_modules()}
    if before != after:
        raise AssertionError("something stays behind")
    calls.write(sys.argv[1])


if __name__ == "__main__":
    main()
