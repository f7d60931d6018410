"""A job in vLLM: the engine is planned, checked and built, a tracer records its workers, and it is ended."""

import importlib
import os
import sys

from . import report, vllm_engine
from .report import JobError, event, note, phase

TRACERS = {"vllm_profiler": "vllm_profiler", "module_path": "vllm_module_path"}


def run(spec, directory, versions):
    if spec["tracer"] not in TRACERS:
        raise JobError("usage", f"there is no tracer '{spec['tracer']}' for vllm; there are {', '.join(TRACERS)}.")
    if spec["mode"] != "eval":
        raise JobError("usage", f"--mode {spec['mode']}: vLLM only runs models, it does not train them.")
    tracer = importlib.import_module(f".tracers.{TRACERS[spec['tracer']]}", __package__)
    phase("importing")
    vllm_engine.prepare_environment()
    import vllm

    event("versions", versions=versions())
    phase("configuring")
    plan = vllm_engine.Plan(spec, directory)
    event("device", device=plan.device)
    tracer.prepare(plan)
    print(f"vLLM {vllm.__version__} with {vllm_engine.shown(plan.arguments)}", flush=True)
    phase("building")
    engine = vllm_engine.Engine(plan)
    try:
        phase("warming")
        for _ in range(spec["warmup"]):
            engine.run()
        tracer.trace(engine, spec, directory)
        report.worker_gpu_bytes = engine.peak_gpu_bytes()
    finally:
        end(engine, failed=sys.exc_info()[0] is not None)


def end(engine, failed):
    try:
        engine.shutdown()
    except Exception as error:
        # What counts has been written, or has failed before: the supervisor ends what is left.
        if not failed:
            note(f"the engine did not shut down cleanly: {type(error).__name__}: {error}"[:300])


def trace_folder(directory):
    path = os.path.join(directory, "trace")
    os.makedirs(path, exist_ok=True)
    return path
