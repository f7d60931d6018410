"""What runs inside vLLM's workers: the methods that `worker_extension_cls` adds to them, each called in
all of them through `collective_rpc` by its name."""

import os

from .vllm_names import of

EXTENSION = f"{__name__}.KernelTracerWorker"


def step_name(scheduled):
    """A step as vLLM's own annotations name it from 0.15 on: `execute_context_2(32)_generation_0(0)`, how
    many requests with how many tokens are in their prompts and how many generate."""
    cached = of(scheduled, "SchedulerOutput", "scheduled_cached_reqs")
    new = of(scheduled, "SchedulerOutput", "scheduled_new_reqs")
    context = {of(request, "NewRequestData", "req_id") for request in new}
    in_context = getattr(cached, "is_context_phase", None)
    counts = [0, 0, 0, 0]
    for request, tokens in of(scheduled, "SchedulerOutput", "num_scheduled_tokens").items():
        # Before 0.15 nothing tells a prompt's later chunks: they have more than one token.
        prompt = request in context or (in_context(request) if in_context is not None else tokens > 1)
        kind = 0 if prompt else 2
        counts[kind] += 1
        counts[kind + 1] += tokens
    return "execute_context_{}({})_generation_{}({})".format(*counts)


class KernelTracerWorker:
    """Its methods bear a prefix: vLLM refuses an extension that hides a worker's own."""

    def kerneltracer_describe(self):
        """What this worker holds: its part of the model where the model is shared by several."""
        model = of(self, "Worker", "get_model")()
        backends = (getattr(module, "attn_backend", None) for module in model.modules())
        backend = next((backend for backend in backends if hasattr(backend, "get_name")), None)
        return {
            "rank": of(self, "Worker", "rank"),
            "pid": os.getpid(),
            "model_class": type(model).__name__,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "attention": backend.get_name() if backend is not None else "",
            "runner": f"{type(self.model_runner).__module__}.{type(self.model_runner).__name__}",
        }

    def kerneltracer_annotate(self):
        """Marks every step in a torch.profiler trace, where vLLM does not do so itself."""
        import torch

        execute = of(self, "Worker", "execute_model")

        def execute_model(scheduled, *arguments, **keywords):
            with torch.profiler.record_function(step_name(scheduled)):
                return execute(scheduled, *arguments, **keywords)

        self.execute_model = execute_model

    def kerneltracer_peak_gpu_bytes(self):
        import torch

        if not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return 0
        return torch.cuda.max_memory_allocated()
