"""A scheduler for vLLM's option `scheduler_cls` that lets exactly as many requests be together as they ask for.

A request asks by `extra_args` of its sampling parameters (`asking`): `decode` holds those that have their first
token until all of the group have it, `prefill` holds prompts until all of the group wait. Where nothing moves for
the time that the request names, the group is let go: nothing stalls, and its steps are not exact.
"""

import time

from vllm.v1.core.sched.scheduler import Scheduler

from .vllm_names import member, of

ASKING = "kerneltracer_together"
SCHEDULER = f"{__name__}.TogetherScheduler"
# A held engine asks again and again.
_PAUSE_S = 0.001

# How many groups were let go in this process.
let_go = 0


def asking(group, phase, batch, patience_s):
    return {ASKING: [group, phase, batch, patience_s]}


class TogetherScheduler(Scheduler):
    def schedule(self, *arguments, **keywords):
        running, waiting = list(of(self, "Scheduler", "running")), self._waiting()
        asked = next((found for found in map(_asked, running + waiting) if found), None)
        if asked is None:
            return super().schedule(*arguments, **keywords)
        group, phase, batch, patience_s = asked
        if phase == "prefill":
            # Those that run are in the chunks of a prompt that did not fit, and go on.
            if running or len(waiting) >= batch or self._out_of_patience(group, len(waiting), patience_s):
                return super().schedule(*arguments, **keywords)
            return self._without(running, arguments, keywords, budget=0)
        decoding = [request for request in running if _decodes(request)]
        if len(decoding) == batch or not decoding:
            return super().schedule(*arguments, **keywords)
        others = [request for request in running if not _decodes(request)]
        computed = sum(of(request, "Request", "num_computed_tokens") for request in others)
        if self._out_of_patience(group, (len(decoding), len(waiting), computed), patience_s):
            return super().schedule(*arguments, **keywords)
        return self._without(decoding, arguments, keywords)

    def _waiting(self):
        found = list(of(self, "Scheduler", "waiting"))
        # From 0.20 on those that were passed over wait apart.
        return found + list(getattr(self, member("Scheduler", "skipped_waiting"), ()))

    def _without(self, held, arguments, keywords, budget=None):
        """Schedules all but some of the running requests, or with a budget of 0 nothing."""
        limit = of(self, "Scheduler", "max_num_scheduled_tokens")
        kept = {id(request) for request in held}
        self.running = [request for request in of(self, "Scheduler", "running") if id(request) not in kept]
        if budget is not None:
            self.max_num_scheduled_tokens = budget
        try:
            scheduled = super().schedule(*arguments, **keywords)
        finally:
            self.max_num_scheduled_tokens = limit
            self.running = held + of(self, "Scheduler", "running")
        if not of(scheduled, "SchedulerOutput", "num_scheduled_tokens"):
            time.sleep(_PAUSE_S)
        return scheduled

    def _out_of_patience(self, group, progress, patience_s):
        """Whether the group was let go, or is now: nothing has moved for too long."""
        global let_go
        if getattr(self, "_kerneltracer_let_go", None) == group:
            return True
        now = time.monotonic()
        if getattr(self, "_kerneltracer_progress", None) != (group, progress):
            self._kerneltracer_progress = (group, progress)
            self._kerneltracer_since = now
        if now - self._kerneltracer_since < patience_s:
            return False
        self._kerneltracer_let_go = group
        let_go += 1
        return True


def _asked(request):
    parameters = of(request, "Request", "sampling_params")
    extra = of(parameters, "SamplingParams", "extra_args") if parameters is not None else None
    return (extra or {}).get(ASKING)


def _decodes(request):
    """Whether its next step computes one token behind the prompt."""
    tokens = of(request, "Request", "num_tokens")
    return tokens > of(request, "Request", "num_prompt_tokens") and (
        of(request, "Request", "num_computed_tokens") >= tokens - 1
    )
