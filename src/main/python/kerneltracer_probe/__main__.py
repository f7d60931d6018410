"""One job: run_probe.py JOB.json. Its exit code is 0 where every file was written."""

import atexit
import faulthandler
import json
import os
import resource
import sys
import threading
import traceback

from . import report
from .report import JobError, event, phase


def _versions():
    import platform

    import torch
    import transformers

    driver = None
    try:
        with open("/proc/driver/nvidia/version") as file:
            words = file.readline().split()
            driver = next((word for word in words if word[0].isdigit() and "." in word), None)
    except OSError:
        pass
    return {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "vllm": getattr(sys.modules.get("vllm"), "__version__", None),
        "cuda": torch.version.cuda or torch.version.hip,
        "driver": driver,
        "python": platform.python_version(),
    }


def _peak_gpu_bytes():
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return report.worker_gpu_bytes
    own = sum(torch.cuda.max_memory_allocated(device) for device in range(torch.cuda.device_count()))
    return max(own, report.worker_gpu_bytes)


def _run(spec, directory):
    if "server" in spec:
        from . import vllm_server

        vllm_server.run(spec, directory)
        return
    if "sweep" in spec:
        from . import vllm_sweep

        vllm_sweep.run(spec, directory, _versions)
        return
    if spec["framework"] == "vllm":
        from . import vllm_job

        vllm_job.run(spec, directory, _versions)
        return
    phase("importing")
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    event("versions", versions=_versions())
    phase("configuring")
    from . import configuration, models, tracers, workload

    trace = tracers.find(spec)
    config = configuration.load(spec)
    device = models.pick_device(spec["device"])
    event("device", device=device)
    torch.manual_seed(spec["seed"])
    ids, mask = models.prompt_inputs(spec, config, device)
    event("prompt", batch=ids.shape[0], tokens=ids.shape[1])
    phase("building")
    model, run = models.build(spec, config, device, ids.shape[1])
    trace(workload.Workload(model, run, ids, mask, spec), spec, directory)


def _kind(error):
    """The outcome that an exception stands for."""
    if isinstance(error, JobError):
        return error.kind
    torch = sys.modules.get("torch")
    if torch is not None and (
        isinstance(error, torch.cuda.OutOfMemoryError)
        or "CUDA error: out of memory" in str(error)
        or "CUBLAS_STATUS_ALLOC_FAILED" in str(error)
    ):
        return "out_of_gpu_memory"
    return "failed"


def main():
    faulthandler.enable()
    report.open_pipe()
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    try:
        _run(spec, os.path.dirname(os.path.abspath(sys.argv[1])))
        failed = False
    except Exception as error:
        failed = True
        traceback.print_exc()
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        event(
            "error",
            kind=_kind(error),
            type=type(error).__name__,
            message=str(error)[:2000],
            frames=[f"{os.path.basename(f.filename)}:{f.lineno} {f.name}" for f in frames],
        )
    event(
        "measured",
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        peak_gpu_bytes=_peak_gpu_bytes(),
    )
    return 1 if failed else 0


def leave(code):
    """Ends the process as sys.exit does, but for taking every module apart, which is half a second with
    torch: threads are awaited and what asked for a call at the exit gets it."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
