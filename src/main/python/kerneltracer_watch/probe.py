"""The probe of one process: where its events go, which hooks are on, and what happens when one of them fails."""

import atexit
import multiprocessing.util
import os
import socket
import sys
import time
import traceback

from kerneltracer_watch import session, settings
from kerneltracer_watch.events import EventFile, complain
from kerneltracer_watch.hooks import Hook, Hooks

now_ns = time.monotonic_ns

# How long after the last new hook the line on stderr is written, so that there is one.
SETTLED_SECONDS = 1.0
CONTROL_SECONDS = 0.5


class Probe:
    """`file` is None until the process has begun (`begin`) and after the probe gave up."""

    def __init__(self):
        self.settings = None
        self.directory = None
        self.file = None
        self.hooks = None
        self.roles = []
        self.on_switch = []
        self.on_tick = []
        self.tables = None
        self._told_problems = set()
        self._changed_at = None
        self._said = False
        self._control_at = 0.0
        self._control = None

    def begin(self):
        self.settings = settings.from_environment()
        self.directory = session.join(self.settings)
        if self.hooks is None:
            self.hooks = Hooks(self._hooks_added)
        self.open_file()

    def open_file(self):
        """A file of this process, which may be a fork of one that had another."""
        path = os.path.join(self.directory, "events", f"process-{os.getpid()}.jsonl")
        if os.path.exists(path):
            # Of an earlier process with this id, or of one in another container.
            path = os.path.join(self.directory, "events", f"process-{os.getpid()}-{now_ns()}.jsonl")
        if self.settings.tables:
            from kerneltracer_watch.tables import Tables

            self.tables = Tables(self.directory)
        self.file = EventFile(
            path,
            self.settings.file_bytes,
            self.settings.queue_lines,
            self.tables.take if self.tables else None,
            self._tick,
        )
        self.file.now("hello", now_ns(), self._hello())

    def _hello(self, **more):
        vllm = sys.modules.get("vllm")
        return {
            "wall_ns": time.time_ns(),
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "host": socket.gethostname(),
            "process": process_name(),
            "vllm": getattr(vllm, "__version__", None),
            "python": ".".join(map(str, sys.version_info[:3])),
            "probe": 1,
            "track": list(self.settings.track),
            "hooks_on": self.hooks.on(),
            "hooks_missing": self.hooks.missing(),
            **more,
        }

    def role(self, name, fields):
        """This process turned out to have the engine, or a worker."""
        if name not in self.roles:
            self.roles.append(name)
        self.file.put(name, now_ns(), fields)
        self._changed_at = time.monotonic()

    def _hooks_added(self):
        self._changed_at = time.monotonic()

    def broken(self, part, error):
        """A hook's own code failed: vLLM goes on without that part."""
        try:
            self.hooks.drop(part)
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
            if part not in self._told_problems:
                self._told_problems.add(part)
                self.file.put("problem", now_ns(), {"hook": part, "error": text})
                complain(f"the part '{part}' of the probe failed and is off in process {os.getpid()}: {text}")
        except Exception:
            pass

    def _tick(self, last):
        """On the writer's thread, some five times a second."""
        try:
            for action in self.on_tick:
                action(last)
            if self.tables:
                self.tables.flush(last)
            now = time.monotonic()
            if self._changed_at is not None and (last or now - self._changed_at > SETTLED_SECONDS) and self.roles:
                self._changed_at = None
                if not last:
                    self.file.put("hello", now_ns(), self._hello(again=True))
                self._say()
            if now - self._control_at > CONTROL_SECONDS:
                self._control_at = now
                self._read_control()
        except Exception as error:
            self.broken("writer", error)

    def _say(self):
        if self._said:
            return
        self._said = True
        missing = self.hooks.missing()
        text = ", ".join(f"{item['hook']} ({item['reason']})" for item in missing) or "none"
        on = self.hooks.on()
        names = " ".join(on) if self.settings.verbose else f"{len(on)} hooks"
        complain(f"process {os.getpid()} ({' and '.join(self.roles)}): {names} on, missing: {text}")

    def _read_control(self):
        """`off` in the file `control` of the session takes all hooks away, `on` puts them back."""
        try:
            with open(os.path.join(self.directory, "control"), encoding="utf-8") as file:
                word = file.read(16).strip()
        except OSError:
            word = "on"
        if word == self._control or word not in ("on", "off"):
            return
        first, self._control = self._control is None, word
        if first and word == "on":
            return
        on = word == "on"
        if on:
            for action in self.on_switch:
                action()
        self.hooks.switch(on)
        self.file.put("switch", now_ns(), {"on": on})


PROBE = Probe()


def process_name():
    try:
        with open("/proc/self/cmdline", "rb") as file:
            words = file.read(400).split(b"\0")
        with open("/proc/self/comm", encoding="utf-8") as file:
            title = file.read().strip()
        name = multiprocessing.current_process().name
        return name if name != "MainProcess" else b" ".join(words[:4]).decode(errors="replace").strip() or title
    except OSError:
        return sys.argv[0] if sys.argv else ""


def at_exit():
    # Only for the process that registered it or was forked with it and has a file of its own.
    if PROBE.file is not None:
        try:
            PROBE.file.close()
        except Exception:
            pass


def after_fork():
    """A fork has no writer's thread, and must not write to its parent's file."""
    if PROBE.directory is None:
        return
    try:
        PROBE.roles = []
        PROBE._said = False
        for action in PROBE.on_switch:
            action()
        PROBE.open_file()
        multiprocessing.util.Finalize(None, at_exit, exitpriority=100)
    except Exception as error:
        PROBE.file = None
        PROBE.hooks.switch(False)
        complain(f"the probe is off in process {os.getpid()}: {error}")


def start():
    """Once for each process."""
    PROBE.begin()
    os.register_at_fork(after_in_child=after_fork)
    atexit.register(at_exit)
    multiprocessing.util.Finalize(None, at_exit, exitpriority=100)


# What hooks of one's own use: docs/watch.md.


def event(name, **fields):
    """Writes an event `user` with that name."""
    if PROBE.file is not None:
        PROBE.file.put("user", now_ns(), {"name": name, "fields": fields})


def before(module, path, function):
    """Calls `function(*args, **kwargs)` before each call of `module`.`path` (`Class.method`)."""

    def make(original):
        def wrapper(*args, **kwargs):
            try:
                function(*args, **kwargs)
            except Exception as error:
                PROBE.broken(part, error)
            return original(*args, **kwargs)

        return wrapper

    part = f"user:{module}.{path}"
    PROBE.hooks.add([Hook(part, module, path, make)])


def after(module, path, function):
    """Calls `function(result, duration_ns, *args, **kwargs)` after each call of `module`.`path` (`Class.method`)."""

    def make(original):
        def wrapper(*args, **kwargs):
            started = now_ns()
            result = original(*args, **kwargs)
            try:
                function(result, now_ns() - started, *args, **kwargs)
            except Exception as error:
                PROBE.broken(part, error)
            return result

        return wrapper

    part = f"user:{module}.{path}"
    PROBE.hooks.add([Hook(part, module, path, make)])
