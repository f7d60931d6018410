"""What `kerneltracer watch` records inside vLLM's processes: loaded by vLLM as a plugin, with the standard library
alone. It records and writes (docs/watch-events.md), never analyses, and never lets an error of its own reach vLLM."""

from kerneltracer_watch.probe import after, before, event, now_ns

__all__ = ["after", "before", "event", "now_ns"]
