"""What a sweep does inside vLLM's workers: it profiles chosen steps, those alone that are exact, one trace each."""

import os

from .module_calls import MARK, ModuleMarks
from .vllm_names import member, of
from .vllm_worker import step_counts, step_name


class ExactSteps:
    """Watches the steps of a worker. A step lasts from `execute_model` to the end of `sample_tokens` where the
    version has that, and is one annotation with the name that vLLM gives such a step."""

    def __init__(self, worker):
        import torch

        self._torch = torch
        self._rank = of(worker, "WorkerBase", "rank")
        self._runner = of(worker, "Worker", "model_runner")
        self._cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        self._wanted = self._profile = self._mark = None
        self._execute = of(worker, "Worker", "execute_model")
        worker.execute_model = self._execute_model
        self._sample = getattr(worker, member("Worker", "sample_tokens"), None)
        if self._sample is not None:
            worker.sample_tokens = self._sample_tokens
        self._mark_modules(of(worker, "Worker", "get_model")())
        # The first profile of a process sets the profiler up, which takes long and is not to be in a step.
        with self._profiler():
            torch.zeros(1)

    def _mark_modules(self, model):
        ModuleMarks(model).__enter__()
        sampler = getattr(self._runner, member("GPUModelRunner", "sampler"), None)
        if isinstance(sampler, self._torch.nn.Module):
            holder = self._torch.nn.Module()
            holder.sampler = sampler
            ModuleMarks(holder).__enter__()

    def _profiler(self):
        activities = [self._torch.profiler.ProfilerActivity.CPU]
        if self._cuda:
            activities.append(self._torch.profiler.ProfilerActivity.CUDA)
        return self._torch.profiler.profile(activities=activities, record_shapes=True)

    def begin(self, phase, batch, tokens, chosen, directory, table):
        """Profiles those of the coming exact steps whose numbers, from 0, are chosen.

        `tokens`: of all prompts together; `table`: write torch's own table of the last step too."""
        exact = (batch, tokens, 0, 0) if phase == "prefill" else (0, 0, batch, batch)
        if self._rank > 0:
            directory = os.path.join(directory, "ranks", str(self._rank))
        os.makedirs(directory, exist_ok=True)
        self._wanted = {"phase": phase, "exact": exact, "chosen": list(chosen), "directory": directory, "table": table}
        self._seen = self._inexact = 0
        self._written = []

    def end(self):
        self._wanted = None
        return {"rank": self._rank, "exact": self._seen, "inexact": self._inexact, "steps": self._written}

    def _execute_model(self, scheduled, *arguments, **keywords):
        self._finish()
        counts = step_counts(scheduled)
        if self._is_chosen(counts):
            self._start(step_name(counts))
        try:
            output = self._execute(scheduled, *arguments, **keywords)
        except BaseException:
            self._profile = None
            raise
        if self._sample is None or output is not None:
            self._finish()
        return output

    def _sample_tokens(self, *arguments, **keywords):
        if self._profile is None:
            return self._sample(*arguments, **keywords)
        with self._torch.profiler.record_function(f"{MARK}sampler {type(self._runner).__name__}"):
            output = self._sample(*arguments, **keywords)
        self._finish()
        return output

    def _is_chosen(self, counts):
        if self._wanted is None:
            return False
        # Prompts before a decode are no failed decode, nor are the tokens behind a prefill.
        if not counts[0 if self._wanted["phase"] == "prefill" else 2]:
            return False
        if counts != self._wanted["exact"]:
            self._inexact += 1
            return False
        self._seen += 1
        return self._seen - 1 in self._wanted["chosen"]

    def _start(self, name):
        if self._cuda:
            self._torch.cuda.synchronize()
        self._profile = self._profiler()
        self._profile.start()
        self._mark = self._torch.profiler.record_function(name)
        self._mark.__enter__()

    def _finish(self):
        """Ends the step that is open, and writes its trace."""
        if self._profile is None:
            return
        profile, self._profile = self._profile, None
        self._mark.__exit__(None, None, None)
        if self._cuda:
            self._torch.cuda.synchronize()
        profile.stop()
        directory = self._wanted["directory"]
        number = len(self._written) + 1
        path = os.path.join(directory, f"trace_{number}")
        profile.export_chrome_trace(f"{path}.partial.json.gz")
        os.replace(f"{path}.partial.json.gz", f"{path}.json.gz")
        if self._wanted["table"]:
            order = "self_cuda_time_total" if self._cuda else "self_cpu_time_total"
            with open(os.path.join(directory, "torch_table.txt"), "w", encoding="utf-8") as file:
                file.write(profile.key_averages().table(sort_by=order, row_limit=40))
        self._written.append(number)
