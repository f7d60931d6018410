"""Counts within vLLM by itself, beside the probe: a file for each process gets a word for each event. Loaded by
`watch --probe-path`."""

import os
import sys

where = os.path.join(os.environ["COUNTS_BY_HAND"], str(os.getpid()))


def note(word):
    descriptor = os.open(os.path.join(os.path.dirname(where), str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, word.encode() + b"\n")
    os.close(descriptor)


def around(owner, name, word, counts):
    original = getattr(owner, name)

    def counted(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        if counts(result, *args):
            note(word)
        return result

    setattr(owner, name, counted)


# The processes that have an engine or a worker load plugins when these modules are there already.
if "vllm.v1.engine.core" in sys.modules:
    from vllm.v1.core.block_pool import BlockPool
    from vllm.v1.core.sched.scheduler import Scheduler

    around(BlockPool, "_maybe_evict_cached_block", "evicted", lambda result, *args: result)
    around(Scheduler, "_preempt_request", "preempted", lambda result, *args: True)
if "vllm.v1.worker.worker_base" in sys.modules:
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    around(GPUModelRunner, "execute_model", "forward", lambda result, output, *args: output.total_num_scheduled_tokens)
