"""What runs inside vLLM's workers: the methods that `worker_extension_cls` adds to them, each called in
all of them through `collective_rpc` by its name."""

import os

from .module_calls import ModuleCalls, ModuleMarks
from .vllm_names import member, of

EXTENSION = f"{__name__}.KernelTracerWorker"
ANNOTATING_EXTENSION = f"{__name__}.AnnotatingWorker"


def step_counts(scheduled):
    """(requests in their prompts, their tokens, requests that generate, their tokens) of a step."""
    cached = of(scheduled, "SchedulerOutput", "scheduled_cached_reqs")
    new = of(scheduled, "SchedulerOutput", "scheduled_new_reqs")
    context = {of(request, "NewRequestData", "req_id") for request in new}
    in_context = getattr(cached, member("CachedRequestData", "is_context_phase"), None)
    counts = [0, 0, 0, 0]
    for request, tokens in of(scheduled, "SchedulerOutput", "num_scheduled_tokens").items():
        # Before 0.15 nothing tells a prompt's later chunks: they have more than one token.
        prompt = request in context or (in_context(request) if in_context is not None else tokens > 1)
        kind = 0 if prompt else 2
        counts[kind] += 1
        counts[kind + 1] += tokens
    return tuple(counts)


def step_name(counts):
    """A step as vLLM's own annotations name it: `execute_context_2(32)_generation_0(0)`."""
    return "execute_context_{}({})_generation_{}({})".format(*counts)


def step_phase(counts):
    return "mixed" if counts[0] and counts[2] else "prefill" if counts[0] else "decode" if counts[2] else None


def annotate(worker):
    import torch

    execute = of(worker, "Worker", "execute_model")

    def execute_model(scheduled, *arguments, **keywords):
        with torch.profiler.record_function(step_name(step_counts(scheduled))):
            return execute(scheduled, *arguments, **keywords)

    worker.execute_model = execute_model


class KernelTracerWorker:
    """Its methods bear a prefix: vLLM refuses an extension that hides a worker's own."""

    def kerneltracer_describe(self):
        """What this worker holds: its part of the model where the model is shared by several."""
        model = of(self, "Worker", "get_model")()
        runner = of(self, "Worker", "model_runner")
        backends = (getattr(module, "attn_backend", None) for module in model.modules())
        backend = next((backend for backend in backends if hasattr(backend, "get_name")), None)
        return {
            "rank": of(self, "WorkerBase", "rank"),
            "pid": os.getpid(),
            "model_class": type(model).__name__,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "attention": backend.get_name() if backend is not None else "",
            "runner": f"{type(runner).__module__}.{type(runner).__name__}",
        }

    def kerneltracer_annotate(self):
        """Marks every step in a torch.profiler trace, where vLLM does not do so itself."""
        annotate(self)

    def kerneltracer_record_calls(self, stacks):
        """Records the calls of the model's modules from now on, each in its step."""
        calls = ModuleCalls(of(self, "Worker", "get_model")(), stacks=stacks)
        before = self.__dict__.get("execute_model")
        execute = of(self, "Worker", "execute_model")

        def execute_model(scheduled, *arguments, **keywords):
            counts = step_counts(scheduled)
            # A step lasts until the next one: its logits may be computed after this returns.
            # An engine that schedules ahead ends with a step for nobody, in which no module runs.
            calls.step(step_name(counts) if any(counts) else None, step_phase(counts))
            return execute(scheduled, *arguments, **keywords)

        self.execute_model = execute_model
        self._kerneltracer_calls = calls, before
        calls.__enter__()

    def kerneltracer_write_calls(self, directory):
        """Ends the recording and writes `path.json`, of other ranks than the first into `ranks/RANK`."""
        calls, before = self._kerneltracer_calls
        calls.__exit__(None, None, None)
        calls.step(None)
        if before is None:
            del self.execute_model
        else:
            self.execute_model = before
        rank = of(self, "WorkerBase", "rank")
        if rank > 0:
            directory = os.path.join(directory, "ranks", str(rank))
            os.makedirs(directory, exist_ok=True)
        calls.write(os.path.join(directory, "path.json"))
        return len(calls.calls)

    def kerneltracer_mark(self, on):
        """Marks the calls of the model's modules in the profiler's trace, or ends that."""
        if on:
            self._kerneltracer_marks = ModuleMarks(of(self, "Worker", "get_model")())
            self._kerneltracer_marks.__enter__()
        else:
            self._kerneltracer_marks.__exit__(None, None, None)

    def kerneltracer_sweep(self):
        """Watches every step from now on for those that a sweep profiles."""
        from .vllm_sweep_worker import ExactSteps

        self._kerneltracer_steps = ExactSteps(self)

    def kerneltracer_sweep_begin(self, *arguments):
        self._kerneltracer_steps.begin(*arguments)

    def kerneltracer_sweep_end(self):
        return self._kerneltracer_steps.end()

    def kerneltracer_peak_gpu_bytes(self):
        import torch

        if not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return 0
        return torch.cuda.max_memory_allocated()


class AnnotatingWorker:
    """Marks every step from the first on, where vLLM does not do so itself: nobody calls a server's workers.
    Last among the worker's bases, it has a say only while the worker is made."""

    def __new__(cls, *_arguments, **_keywords):
        worker = super().__new__(cls)
        annotate(worker)
        return worker
