"""vLLM's own torch.profiler in its workers: every step of the engine with its operators and kernels."""

import os
import time

from ..report import JobError, event, phase
from ..vllm_job import trace_folder
from ..vllm_names import fields, member, variable


def prepare(plan):
    """Switches the profiler on, the way the installed version takes it."""
    profile_into(plan, trace_folder(plan.directory))


def profile_into(plan, folder):
    settings = plan.spec["tracer_settings"]
    if plan.spec["tracer"] == "module_path":
        # There the stacks are those of the calls.
        settings = {**settings, "with_stack": False}
    if member("EngineArgs", "profiler_config") in plan.known:
        plan.require("profiler_config", configuration(settings, folder), f"--tracers {plan.spec['tracer']}")
        return
    set_variables(settings, folder)


def set_variables(settings, folder):
    """The way of vLLM 0.11 and 0.12."""
    os.environ[variable("VLLM_TORCH_PROFILER_DIR")] = folder
    for name, wanted in (
        (variable("VLLM_TORCH_PROFILER_WITH_STACK"), settings.get("with_stack", False)),
        (variable("VLLM_TORCH_PROFILER_RECORD_SHAPES"), settings.get("record_shapes", True)),
        (variable("VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY"), settings.get("profile_memory", False)),
        (variable("VLLM_TORCH_PROFILER_WITH_FLOPS"), settings.get("with_flops", False)),
    ):
        os.environ[name] = "1" if wanted else "0"


def known():
    """The fields of the installed version's ProfilerConfig."""
    from vllm.config import ProfilerConfig

    return fields(ProfilerConfig)


def configuration(settings, folder):
    wanted = {
        "profiler": "torch",
        "torch_profiler_dir": folder,
        "torch_profiler_with_stack": settings.get("with_stack", False),
        "torch_profiler_record_shapes": settings.get("record_shapes", True),
        "torch_profiler_with_memory": settings.get("profile_memory", False),
        "torch_profiler_with_flops": settings.get("with_flops", False),
        "torch_profiler_use_gzip": True,
        # A table that KernelTracer makes itself, and that takes minutes for a long trace.
        "torch_profiler_dump_cuda_time_total": False,
    }
    return {name: value for name, value in wanted.items() if member("ProfilerConfig", name) in known()}


def annotates_steps():
    """Whether the workers name their steps in a trace: from 0.15 on, as far as it is known."""
    from vllm.v1.worker import gpu_worker

    return hasattr(gpu_worker.Worker, member("Worker", "annotate_profile"))


def trace(engine, spec, directory):
    record(engine, directory, engine.run)


def record(engine, directory, run):
    """Runs under the profiler; the workers write their traces when it stops."""
    if engine.plan.extended and not annotates_steps():
        engine.rpc("kerneltracer_annotate")
    phase("tracing")
    started = time.monotonic()
    engine.start_profile()
    try:
        run()
    finally:
        event("traced", seconds=time.monotonic() - started)
        phase("writing")
        engine.stop_profile()
    folder = trace_folder(directory)
    if not any(name.endswith(".pt.trace.json.gz") for name in os.listdir(folder)):
        raise JobError("failed", f"vLLM wrote no trace to {folder}: is the disk full? See job.log.")
