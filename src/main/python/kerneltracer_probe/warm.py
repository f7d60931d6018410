"""The warm parent: imports once what every job imports, then forks a supervisor with its target for each.

    python run_probe.py --warm SOCKET

It listens on SOCKET, in a private directory. A connection carries one line, a JSON object: `arguments`
(the words that a target started anew would get), `log`, `mark`, `grace` and `environment` (what to
add). The supervisor that is forked for it has the connection for standard input and output, and is
otherwise the one that starts a target anew: so all that holds for such a target holds for this one.
The supervisors live in sessions of their own and miss nothing when this process dies.

A fork is as good as a new start only of a process with one thread that has not touched a GPU: where
that does not hold, it refuses, and the target is started anew. End of file on standard input ends it.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import warnings

from . import supervisor

# What torch and Transformers would load in every job anyway; the models' own modules are left to the jobs.
MODULES = (
    "torch",
    "torch.profiler",
    "torch.utils._python_dispatch",
    "transformers",
    "transformers.generation.utils",
    "transformers.modeling_utils",
    "transformers.models.auto.configuration_auto",
    "transformers.models.auto.modeling_auto",
)
# What Dynamo loads with its first graph, as far as the installed torch has it.
GRAPH_MODULES = ("torch._dynamo", "torch._functorch.aot_autograd", "functorch.compile")
OWN_MODULES = ("configuration", "models", "tiny", "tracers", "workload")
DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/", "/dev/accel", "/dev/habana", "/dev/davinci")
PATIENCE_SECONDS = 10

# Threads whose library takes its locks before a fork and starts them anew in the child: jemalloc's, which comes
# with pyarrow, which pandas imports where both are installed.
FORK_SAFE_THREADS = ("jemalloc_bg_thd",)


def _end_with_kerneltracer(path):
    """Ends this process at the end of file on standard input, also in the middle of an import: no thread
    may wait for it, so the kernel is asked for a signal."""

    def end(*_):
        _remove(os.path.dirname(path))
        os._exit(0)

    signal.signal(signal.SIGIO, end)
    try:
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        # The loop looks, too.
        pass
    if select.select([0], [], [], 0)[0]:
        end()
    return end


def _remove(directory):
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:
        # KernelTracer was faster.
        pass


def _import_all():
    for name in MODULES:
        importlib.import_module(name)
    for name in GRAPH_MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    for name in OWN_MODULES:
        importlib.import_module(f"{__package__}.{name}")
    import transformers

    for name in ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForMaskedLM", "AutoModel"):
        getattr(transformers, name)


def _settle():
    """OpenBLAS, which comes with numpy, has started threads; it ends them before a fork, and starts them
    again when there is work. So after one fork there is one thread. What is there now is garbage for
    nobody: out of the collector's way, its pages stay shared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    gc.collect()
    gc.freeze()


def why_not_to_fork():
    """What makes a fork of this process unlike a new process; None where nothing does."""
    torch = sys.modules["torch"]
    for kind in ("cuda", "xpu", "mtia", "hpu"):
        module = getattr(torch, kind, None)
        if module is not None and getattr(module, "is_initialized", bool)():
            return f"torch.{kind} is initialized after the imports alone"
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith(DEVICES):
            return f"the imports opened {target}"
    more = [name for name in map(_thread_name, os.listdir("/proc/self/task")) if name not in FORK_SAFE_THREADS]
    return f"the imports left threads: {', '.join(sorted(more))}" if len(more) > 1 else None


def _thread_name(number):
    try:
        with open(f"/proc/self/task/{number}/comm") as file:
            return file.read().strip()
    except OSError:
        return "ended"


def _mark(mark):
    """Shows the mark in /proc/PID/environ of this process and all its forks: the kernel shows the memory
    that the process was started with, so the value there is overwritten in place."""
    get = ctypes.CDLL(None).getenv
    get.restype = ctypes.c_void_p
    place = get(b"KERNELTRACER_MARK")
    if place and len(ctypes.string_at(place)) == len(mark):
        ctypes.memmove(place, mark.encode(), len(mark))


def _become_target(request):
    """In the fork: what a new process would find, as far as the imports have not settled it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    sys.argv[:] = request["arguments"]
    os.environ.update(request["environment"])
    threads = request["environment"].get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        # The OpenMP library has read its variables.
        sys.modules["torch"].set_num_threads(int(threads))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    from .__main__ import leave, main

    leave(main())


def _serve(connection, request, said):
    """In the fork: supervises the target of a request, and ends."""
    channel = connection.detach()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(log, said)
    supervisor.take_descriptors(log)
    _mark(request["mark"])
    supervisor.supervise(
        channel, channel, log, request["mark"], float(request["grace"]), lambda: _become_target(request)
    )
    os._exit(0)


def _request(connection):
    connection.settimeout(PATIENCE_SECONDS)
    text = b""
    while not text.endswith(b"\n"):
        more = connection.recv(65536)
        if not more:
            return None
        text += more
    connection.settimeout(None)
    return json.loads(text)


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main():
    path = sys.argv[2]
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end = _end_with_kerneltracer(path)
    try:
        _import_all()
        _settle()
        reason = why_not_to_fork()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        supervisor.say(1, "unfit", reason=reason)
        return 1
    # What the imports had to say belongs into each job's log, as if it had imported them itself.
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.path.join(os.path.dirname(path), "log"), "rb") as file:
        said = file.read()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(128)
    supervisor.say(1, "ready")
    while True:
        ready = select.select([0, listener], [], [])[0]
        if 0 in ready:
            end()
        connection, _ = listener.accept()
        _reap()
        try:
            request = _request(connection)
            reason = why_not_to_fork()
            if reason is not None:
                supervisor.say(connection.fileno(), "unfit", reason=reason)
            elif request is not None and os.fork() == 0:
                listener.close()
                _serve(connection, request, said)
        except (OSError, ValueError) as error:
            # Whoever asked is told by the end of the connection, and starts the target anew.
            print(f"no fork: {error}", file=sys.stderr)
        connection.close()
