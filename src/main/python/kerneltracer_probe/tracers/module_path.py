"""The inference path: every module call in order with its shapes, and a trace in which they are marked."""

import os
import time

from ..module_calls import ModuleCalls, ModuleMarks
from ..report import event, note, phase
from .torch_profiler import export


def trace(workload, spec, directory):
    import torch
    from torch.profiler import ProfilerActivity, profile, record_function, schedule

    cuda = torch.cuda.is_available() and workload.ids.device.type == "cuda"
    settings = spec["tracer_settings"]
    calls = ModuleCalls(workload.model, stacks=settings["with_stack"])

    class Step:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            calls.step(self.name)

        def __exit__(self, *_):
            calls.step(None)

    phase("warming")
    for _ in range(spec["warmup"]):
        workload.run()
    phase("tracing")
    started = time.monotonic()
    # Two runs: recording a call takes too long for times of it to be worth anything. The first warms the profiler.
    with profile(
        activities=[ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if cuda else []),
        schedule=schedule(wait=0, warmup=1, active=1, repeat=1),
        record_shapes=settings["record_shapes"],
    ) as profiler:
        with calls:
            workload.run(Step)
        if cuda:
            torch.cuda.synchronize()
        profiler.step()
        with ModuleMarks(workload.model):
            workload.run(record_function)
        if cuda:
            torch.cuda.synchronize()
    event("traced", seconds=time.monotonic() - started)
    if not calls.calls:
        note(f"{type(workload.model).__name__} calls none of its modules")
    phase("writing")
    calls.write(os.path.join(directory, "path.json"))
    export(profiler, spec, directory)
