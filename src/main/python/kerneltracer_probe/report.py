"""What the traced process tells KernelTracer: one JSON line per event on an inherited pipe, and files."""

import json
import os
import time

_descriptor = None

# The GPU memory that other processes of the job had at their peak.
worker_gpu_bytes = 0


class JobError(Exception):
    """A failure whose kind is known. `kind` is an outcome of KernelTracer (`unsupported_model`, ...),
    `usage` (the command line asked for something impossible) or `environment` (something is missing)."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def open_pipe():
    """Takes over the inherited descriptor, so that no child of this process holds the pipe open."""
    global _descriptor
    number = os.environ.pop("KERNELTRACER_EVENTS_FD", None)
    if number is not None:
        _descriptor = int(number)
        os.set_inheritable(_descriptor, False)


def event(name, **fields):
    if _descriptor is None:
        return
    line = json.dumps({"event": name, "time": time.time(), **fields}) + "\n"
    try:
        os.write(_descriptor, line.encode())
    except OSError:
        # KernelTracer is gone: the supervisor is about to end this process.
        pass


def phase(name):
    """One of importing, configuring, building, warming, tracing, writing."""
    event("phase", phase=name)


def note(text):
    event("note", text=text)


def write_json(path, value):
    """Writes a result file under a temporary name, which KernelTracer removes where this process is
    ended in the middle, and renames it when it is whole."""
    with open(path + ".partial", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(path + ".partial", path)


def write_lines(path, lists):
    """Writes an object of lists as `write_json` does, each of their items on a line of its own, without
    having all of them in memory."""
    with open(path + ".partial", "w", encoding="utf-8") as file:
        separator = "{"
        for name, items in lists.items():
            file.write(f'{separator}\n"{name}": [')
            separator = ","
            comma = ""
            for item in items:
                file.write(f"{comma}\n{json.dumps(item, ensure_ascii=False, separators=(',', ':'))}")
                comma = ","
            file.write("]")
        file.write("\n}\n")
    os.replace(path + ".partial", path)
