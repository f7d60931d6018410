"""The tracers: name -> function(workload, spec, directory). A function records and writes its files."""

import importlib
import importlib.util
import os
import sys

from ..report import JobError

NAMES = (
    "torch_profiler",
    "torch_dispatch",
    "module_path",
    "torch_inductor",
    "print_aten_ops",
    "print_fx",
)


def find(spec):
    """The function of the job's tracer: the probe's own, or that of a file of the user's."""
    name, path = spec["tracer"], spec.get("tracer_file")
    if path is not None:
        return _load(name, path)
    if name not in NAMES:
        raise JobError("usage", f"there is no tracer '{name}'; there are {', '.join(NAMES)}.")
    return importlib.import_module(f"{__name__}.{name}").trace


def _load(name, path):
    # Modules beside it can be imported, as for a script.
    sys.path.append(os.path.dirname(path))
    description = importlib.util.spec_from_file_location(f"kerneltracer_tracer_{name}", path)
    module = importlib.util.module_from_spec(description)
    sys.modules[description.name] = module
    description.loader.exec_module(module)
    trace = getattr(module, "trace", None)
    if not callable(trace):
        raise JobError("usage", f"{path} has no function trace(workload, spec, directory).")
    return trace
