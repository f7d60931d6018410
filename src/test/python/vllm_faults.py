"""A plugin of vLLM's: what goes wrong in a worker when the profiler stops, by the variable PLANTED_FAULT.

Its folder is put on PYTHONPATH beside a vllm_faults-1.0.dist-info, whose entry point names `register`.
"""

import os
import signal
import time


def register():
    fault = os.environ.get("PLANTED_FAULT")
    if fault is None:
        return
    from vllm.v1.worker import cpu_worker

    def profile(self, is_start=True, *_):
        if is_start:
            self.profiler.start()
        elif fault == "hang":
            time.sleep(3600)
        else:
            self.profiler.stop()
            os.kill(os.getpid(), signal.SIGKILL)

    cpu_worker.CPUWorker.profile = profile
