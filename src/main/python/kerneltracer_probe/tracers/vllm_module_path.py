"""The inference path inside vLLM's workers: their module calls in order, and a trace in which they are marked."""

from ..report import note
from ..vllm_job import trace_folder
from ..vllm_worker import EXTENSION
from . import vllm_profiler


def prepare(plan):
    who = "--tracers module_path"
    plan.require("worker_extension_cls", EXTENSION, who)
    # A compiled model or a CUDA graph runs none of its modules' Python.
    plan.require("enforce_eager", True, who)
    vllm_profiler.profile_into(plan, trace_folder(plan.directory))


def trace(engine, spec, directory):
    # Recording a call takes too long for times of it to be worth anything, so that the trace is of another run.
    engine.rpc("kerneltracer_record_calls", spec["tracer_settings"].get("with_stack", False))
    engine.run()
    if sum(engine.rpc("kerneltracer_write_calls", directory)) == 0:
        note("the model calls none of its modules")
    vllm_profiler.record(engine, directory, lambda: _marked(engine))


def _marked(engine):
    engine.rpc("kerneltracer_mark", True)
    engine.run()
    engine.rpc("kerneltracer_mark", False)
