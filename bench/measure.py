"""What the benchmarks share: one measured run of a command, the machine in words, an aligned table."""

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


@dataclass(frozen=True)
class Run:
    """One whole process, from its start to its end.

    peak_bytes is the largest resident set of any process of the command. The kernel counts this program's own
    in it until the command replaces it, so that a smaller figure than own_peak() cannot be told.
    """

    wall_s: float
    peak_bytes: int
    exit_code: int
    last_words: str


def run(command, directory=ROOT):
    """Runs a command with its output thrown away; the last line of its errors is kept."""
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return Run(wall, usage.ru_maxrss * 1024, process.returncode, lines[-1] if lines else "no message")


def own_peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def kerneltracer(*arguments):
    """The program of this tree; KERNELTRACER names another build to measure in its place."""
    return [os.environ.get("KERNELTRACER", ROOT / "kerneltracer"), *arguments]


def machine():
    """The processor as lscpu names it, the cores that this process may use, and the memory."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return f"{models[0] if models else os.uname().machine}, {cores} cores, {memory / (1 << 30):.0f} GiB"


def aligned(head, rows):
    """Lines of a table: the first column to the left, the others to the right."""
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
