"""The environment variables of a watched vLLM."""

import dataclasses
import os
import tempfile

TRACKS = ("graphs", "kv", "scheduler", "requests", "moe")


@dataclasses.dataclass(frozen=True)
class Settings:
    """`session`: the directory to write to, where KernelTracer chose one; `directory`: where to make one otherwise."""

    directory: str
    session: str | None
    track: tuple
    interval: int
    verbose: bool
    tables: bool
    probe_path: tuple
    file_bytes: int
    queue_lines: int


def _number(name, fallback):
    try:
        return max(1, int(os.environ.get(name, "")))
    except ValueError:
        return fallback


def _flag(name):
    return os.environ.get(name, "").lower() not in ("", "0", "false", "no", "off")


def from_environment():
    words = [word.strip() for word in os.environ.get("VLLM_PROFILING_TRACK", "").split(",")]
    track = tuple(word for word in TRACKS if word in words) or TRACKS
    directory = os.environ.get("VLLM_PROFILING_DIR") or os.path.join(tempfile.gettempdir(), "vllm_profiling")
    return Settings(
        directory=directory,
        session=os.environ.get("KERNELTRACER_WATCH_SESSION") or None,
        track=track,
        interval=_number("VLLM_PROFILING_LOG_INTERVAL", 100),
        verbose=_flag("VLLM_PROFILING_VERBOSE"),
        tables=_flag("KERNELTRACER_WATCH_TABLES"),
        probe_path=tuple(part for part in os.environ.get("KERNELTRACER_WATCH_PATH", "").split(os.pathsep) if part),
        file_bytes=_number("KERNELTRACER_WATCH_FILE_MB", 256) << 20,
        queue_lines=65536,
    )
