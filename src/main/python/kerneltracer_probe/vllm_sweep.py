"""A sweep: one engine runs batches of many sizes, and of each size chosen steps are profiled alone."""

import os
import sys
import time

from . import report, vllm_engine
from .report import JobError, event, note, phase, write_json
from .vllm_job import end


def run(spec, directory, versions):
    phase("importing")
    vllm_engine.prepare_environment()
    import vllm

    event("versions", versions=versions())
    phase("configuring")
    from . import vllm_sweep_scheduler as scheduler

    plan = vllm_engine.Plan(spec, directory)
    event("device", device=plan.device)
    _make_exact(plan, spec["sweep"], scheduler.SCHEDULER)
    print(f"vLLM {vllm.__version__} with {vllm_engine.shown(plan.arguments)}", flush=True)
    phase("building")
    engine = vllm_engine.Engine(plan)
    try:
        phase("tracing")
        engine.rpc("kerneltracer_sweep")
        for group, size in enumerate(spec["sweep"]["sizes"]):
            _size(engine, spec, size, group, scheduler)
        report.worker_gpu_bytes = engine.peak_gpu_bytes()
    finally:
        end(engine, failed=sys.exc_info()[0] is not None)


def _make_exact(plan, sweep, scheduler):
    """Sets what makes batches exact."""
    who = "sweep"
    for name in ("scheduler_cls", "async_scheduling"):
        if name not in plan.known:
            import vllm

            raise JobError("environment", f"sweep needs the engine argument {name}: vLLM {vllm.__version__} has none.")
    if not plan.extended:
        raise JobError("usage", "--engine-arg worker_extension_cls does not go with sweep, which sets it itself.")
    prompts = max(size["batch"] * size["input"] for size in sweep["sizes"])
    most = max(size["batch"] for size in sweep["sizes"])
    plan.require("scheduler_cls", scheduler, who)
    plan.require("async_scheduling", False, who)
    plan.require("enable_prefix_caching", False, who)
    plan.require("enforce_eager", True, who)
    plan.require("max_num_seqs", most, who)
    # A prefill is one step: all prompts fit into it, with as much to spare.
    plan.require("max_num_batched_tokens", max(2 * prompts, most, 2048), who)


def _size(engine, spec, size, group, scheduler):
    sweep = spec["sweep"]
    phase_name, batch, tokens = sweep["phase"], size["batch"], size["input"]
    event("size_begun", batch=batch, input=tokens)
    started = time.monotonic()
    warmup, wanted = spec["warmup"], sweep["steps"]
    # A prefill has one step in a run, a decode as many as tokens behind the first.
    decodes = spec["new_tokens"] - 1
    runs = warmup + wanted if phase_name == "prefill" else 1
    directory = size["directory"]
    engine.rpc(
        "kerneltracer_sweep_begin",
        phase_name,
        batch,
        batch * tokens,
        range(warmup, warmup + wanted) if phase_name == "prefill" else _spread(warmup, decodes, wanted),
        directory,
        sweep["table"],
    )
    let_go = scheduler.let_go
    prompts = [prompt[:tokens] for prompt in engine.plan.prompts[:batch]]
    for number in range(runs):
        extra = scheduler.asking(group * runs + number, phase_name, batch, sweep["patience_s"])
        engine.generate(prompts, spec["new_tokens"], extra_args=extra)
    ranks = engine.rpc("kerneltracer_sweep_end")
    first = min(ranks, key=lambda rank: rank["rank"])
    let_go = scheduler.let_go - let_go
    if let_go:
        note(f"batch {batch}: not all could be together, let go after {sweep['patience_s']:g} s without progress")
    write_json(
        os.path.join(directory, "size.json"),
        {
            "identity": size["identity"],
            "series": size["series"],
            "phase": phase_name,
            "batch": batch,
            "input": tokens,
            "output": spec["new_tokens"],
            "device": engine.plan.device,
            "wanted": wanted,
            "steps": len(first["steps"]),
            "exact": first["exact"],
            "inexact": first["inexact"],
            "let_go": let_go,
            "seconds": round(time.monotonic() - started, 3),
        },
    )
    event("size_ended", batch=batch, input=tokens, steps=len(first["steps"]), inexact=first["inexact"])


def _spread(first, end, count):
    """`count` numbers from `first` to before `end`, as far apart as they can be: the median is of the middle of
    the output, whose length attention depends on."""
    if count == 1:
        return [(first + end - 1) // 2]
    return [first + (end - 1 - first) * number // (count - 1) for number in range(count)]
