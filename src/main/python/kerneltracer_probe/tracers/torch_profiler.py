"""torch.profiler (Kineto): every operator, kernel launch and kernel with its times, as a Chrome trace."""

import os
import time

from ..report import event, phase, write_json


def trace(workload, spec, directory):
    import torch
    from torch.profiler import ProfilerActivity, profile, record_function, schedule

    cuda = torch.cuda.is_available() and workload.ids.device.type == "cuda"
    settings = spec["tracer_settings"]
    warmup = spec["warmup"]
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if cuda else [])
    phase("warming")
    if warmup == 0:
        phase("tracing")
    with profile(
        activities=activities,
        schedule=schedule(wait=0, warmup=warmup, active=1, repeat=1) if warmup else None,
        record_shapes=settings["record_shapes"],
        with_stack=settings["with_stack"],
        with_modules=settings["with_stack"],
        profile_memory=settings["profile_memory"],
        with_flops=settings["with_flops"],
    ) as profiler:
        for _ in range(warmup):
            workload.run()
            if cuda:
                torch.cuda.synchronize()
            profiler.step()
        if warmup:
            phase("tracing")
        started = time.monotonic()
        workload.run(record_function)
        if cuda:
            torch.cuda.synchronize()
        event("traced", seconds=time.monotonic() - started)
    phase("writing")
    export(profiler, spec, directory)
    if settings["with_flops"]:
        _write_flops(profiler, os.path.join(directory, "torch_flops.json"))
    if spec["key_averages"]:
        _write_key_averages(profiler, os.path.join(directory, "key_averages.json"))


def export(profiler, spec, directory):
    """Writes the trace into the folder `trace`."""
    folder = os.path.join(directory, "trace")
    os.makedirs(folder, exist_ok=True)
    final = os.path.join(folder, f"{spec['trace_name']}.pt.trace.json.gz")
    # torch picks the format by the ending; the final name appears only when the file is whole.
    partial = os.path.join(folder, f"{spec['trace_name']}.partial.json.gz")
    profiler.export_chrome_trace(partial)
    if not os.path.exists(partial) or os.path.getsize(partial) == 0:
        raise OSError(f"torch.profiler wrote no trace to {folder}: is the disk full?")
    os.replace(partial, final)


def _write_flops(profiler, path):
    """The FLOPs that torch derives from an operator's shapes; the trace does not hold them."""
    rows = {}
    for row in profiler.key_averages(group_by_input_shape=True):
        if row.flops:
            rows.setdefault(row.key, []).append(
                {"count": row.count, "flops": row.flops, "input_shapes": row.input_shapes}
            )
    write_json(path, dict(sorted(rows.items())))


def _write_key_averages(profiler, path):
    """torch's own totals of the same run, for checks against ours."""
    rows = [
        {
            "key": row.key,
            "count": row.count,
            "device_type": str(row.device_type),
            "cpu_us": row.cpu_time_total,
            "self_cpu_us": row.self_cpu_time_total,
            "device_us": getattr(row, "device_time_total", getattr(row, "cuda_time_total", 0)),
            "self_device_us": getattr(row, "self_device_time_total", getattr(row, "self_cuda_time_total", 0)),
        }
        for row in profiler.key_averages()
    ]
    write_json(path, rows)
