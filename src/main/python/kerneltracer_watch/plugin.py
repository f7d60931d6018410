"""vLLM calls `register` in each of its processes (entry point `vllm.general_plugins`). It must not raise."""

import importlib.util
import os
import sys

from kerneltracer_watch.events import complain


def register():
    # A job or a server of our own has the probe's directory for other reasons.
    if os.environ.get("KERNELTRACER_WATCH_OFF"):
        return
    try:
        from kerneltracer_watch import engine_hooks, moe_hooks, probe, worker_hooks

        if probe.PROBE.directory is not None:
            return
        probe.start()
        track = probe.PROBE.settings.track
        hooks = [*engine_hooks.hooks(track), *worker_hooks.hooks(track), *moe_hooks.hooks(track)]
        # First the user's: should they put functions around vLLM's by themselves, ours can still be taken away.
        for directory in probe.PROBE.settings.probe_path:
            add_own(directory)
        probe.PROBE.hooks.add(hooks)
        if "vllm.v1.engine.core" not in sys.modules and not probe.PROBE.roles:
            complain(f"process {os.getpid()}: recording to {probe.PROBE.directory}")
    except Exception as error:
        complain(f"the probe is off in process {os.getpid()}: {type(error).__name__}: {error}")


def add_own(directory):
    """Runs each Python file of a directory that the user named: it calls kerneltracer_watch.after, before and event."""
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".py"):
            continue
        try:
            module_name = f"kerneltracer_watch_own_{name[:-3]}"
            spec = importlib.util.spec_from_file_location(module_name, os.path.join(directory, name))
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
        except Exception as error:
            complain(f"{os.path.join(directory, name)} was left out: {type(error).__name__}: {error}")
