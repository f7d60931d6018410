"""TorchDispatchMode: every ATen operator that reaches a backend, with its inputs, counted exactly."""

import os
import time

from ..report import event, phase, write_json

_DTYPES = {
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
    "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8",
    "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "b8",
    "complex32": "c32", "complex64": "c64", "complex128": "c128",
}  # fmt: skip


def dtype_name(dtype):
    name = str(dtype).removeprefix("torch.")
    return _DTYPES.get(name, name)


def describe(value):
    """`T([1, 2, 2560], f16)`, with `stride=(...)` only where the tensor is not contiguous; containers
    keep their brackets, everything else its repr."""
    import torch

    if isinstance(value, torch.Tensor):
        shape = list(value.shape)
        stride = ""
        if value.layout == torch.strided and not value.is_contiguous():
            stride = f", stride={tuple(value.stride())}"
        return f"T({shape}, {dtype_name(value.dtype)}{stride})"
    if isinstance(value, torch.dtype):
        return f"'{dtype_name(value)}'"
    if isinstance(value, (torch.device, torch.layout, torch.memory_format)):
        return f"'{str(value).removeprefix('torch.')}'"
    if isinstance(value, tuple):
        return f"({', '.join(map(describe, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(describe, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in value.items()) + "}"
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return repr(value)
    return f"'{type(value).__name__}'"


def trace(workload, spec, directory):
    from torch.utils._python_dispatch import TorchDispatchMode

    counts = {}
    current = ["setup"]

    class Count(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            name = f"{function.namespace}.{function.__name__}"
            inputs = f"({describe(args)}, {describe(kwargs)})"
            phases = counts.setdefault(name, {}).setdefault(inputs, {})
            phases[current[0]] = phases.get(current[0], 0) + 1
            return function(*args, **kwargs)

    class Mark:
        def __init__(self, name):
            self.name = name.split()[0].removeprefix("kerneltracer.")

        def __enter__(self):
            current[0] = self.name

        def __exit__(self, *_):
            current[0] = "setup"

    phase("warming")
    for _ in range(spec["warmup"]):
        workload.run()
    phase("tracing")
    started = time.monotonic()
    with Count():
        workload.run(Mark)
    event("traced", seconds=time.monotonic() - started)
    phase("writing")
    result = {
        name: [
            {"count": sum(phases.values()), "inputs": inputs, "phases": phases}
            for inputs, phases in sorted(rows.items(), key=lambda row: (-sum(row[1].values()), row[0]))
        ]
        for name, rows in sorted(counts.items())
    }
    write_json(os.path.join(directory, "torch_dispatch.json"), result)
