"""The tracers: name -> function(workload, spec, directory). A function records and writes its files."""

import importlib

from ..report import JobError

NAMES = ("torch_profiler", "torch_dispatch", "module_path")


def find(name):
    if name not in NAMES:
        raise JobError("usage", f"there is no tracer '{name}'; there are {', '.join(NAMES)}.")
    return importlib.import_module(f"{__name__}.{name}").trace
