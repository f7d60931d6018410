"""The event file of one process: a bounded queue that vLLM's threads append to, and a thread that writes it."""

import collections
import json
import os
import threading
import time

# What a line has after `event` and `t`, in the order in which the hooks give the values. docs/watch-events.md tells
# what they mean. A kind that is not listed gives a dictionary.
FIELDS = {
    "evict": ("block", "lifetime_ns", "idle_ns"),
    "forward": (
        "mode descriptor eager_reason replays tokens padded_tokens requests prefill_requests prefill_tokens"
        " decode_requests decode_tokens phase host_ns execute_ns device_ns"
    ).split(),
    "step": (
        "scheduled_t prefill_requests prefill_tokens decode_requests decode_tokens token_budget running waiting"
        " max_num_seqs kv_used_blocks kv_total_blocks blocks_allocated blocks_freed evicted prefix_query_tokens"
        " prefix_hit_tokens preempted finished schedule_ns update_ns step_ns host_ns"
    ).split(),
    "cpu_operation": ("operation", "duration_ns", "context"),
}
# Told again at the beginning of a new file: without them it could not be read.
KEPT = ("hello", "engine", "worker", "capture")
MOST_KEPT = 4096
# Lines made and written at a time: between two batches vLLM's threads get the interpreter.
BATCH = 64
PAUSE_SECONDS = 0.2
QUIET_SECONDS = 1.0


class EventFile:
    """`put` costs less than a microsecond and never blocks. A full queue, disk and file drop and count."""

    def __init__(self, path, file_bytes, queue_lines, listener=None, on_tick=None):
        self.path = path
        self.written = 0
        self.dropped = 0
        self._file_bytes = file_bytes
        self._most = queue_lines
        self._queue = collections.deque()
        self._losses = collections.Counter()
        # Counted by vLLM's threads, told by the writer's: neither ever sets it back.
        self._lost = self._lost_told = 0
        self._kept = []
        self._descriptor = None
        self._size = 0
        self._cut = False
        self._failing_since = None
        self._last_write = time.monotonic()
        self._listener = listener
        self._on_tick = on_tick
        self._lock = threading.Lock()
        self._thread = None
        self._closed = False

    def put(self, kind, t, *values):
        queue = self._queue
        if len(queue) < self._most:
            queue.append((kind, t, values))
        else:
            self._lost += 1
        if self._thread is None:
            self._start()

    def now(self, kind, t, *values):
        """Writes at once, without a thread: for a process that has nothing to record yet."""
        with self._lock:
            self._write_lines([(kind, t, values)])

    def queued(self):
        return len(self._queue)

    def close(self):
        """Writes what is left, and the last line."""
        if self._closed:
            return
        self._closed = True
        with self._lock:
            deadline = time.monotonic() + 5
            while self._queue and time.monotonic() < deadline:
                self._write_some()
            self._tell_losses()
            self._write_lines([("bye", time.monotonic_ns(), ({"written": self.written, "dropped": self.dropped},))])
            if self._on_tick:
                self._on_tick(True)

    def _start(self):
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="kerneltracer events", daemon=True)
                self._thread.start()

    def _run(self):
        while not self._closed:
            while self._queue and not self._closed:
                with self._lock:
                    self._write_some()
            with self._lock:
                if self._closed:
                    return
                self._tell_losses()
                if time.monotonic() - self._last_write > QUIET_SECONDS:
                    self._write_lines([("alive", time.monotonic_ns(), ({"queued": len(self._queue)},))])
            if self._on_tick:
                self._on_tick(False)
            time.sleep(PAUSE_SECONDS)

    def _write_some(self):
        queue = self._queue
        events = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
        if events:
            self._write_lines(events)

    def _tell_losses(self):
        lost = self._lost - self._lost_told
        if lost:
            self._lost_told += lost
            self._losses["queue_full"] += lost
        for why in list(self._losses):
            count = self._losses.pop(why)
            self.dropped += count
            line = {"count": count, "total": self.dropped, "why": why}
            self._write_lines([("dropped", time.monotonic_ns(), (line,))])

    def _write_lines(self, events):
        texts = []
        for kind, t, values in events:
            line = {"event": kind, "t": t}
            names = FIELDS.get(kind)
            try:
                line.update(zip(names, values, strict=False) if names else values[0])
                text = json.dumps(line, separators=(",", ":"), default=str)
            except (TypeError, ValueError) as error:
                text = json.dumps({"event": "problem", "t": t, "hook": kind, "error": str(error)})
            if kind in KEPT and len(self._kept) < MOST_KEPT:
                self._kept.append(text[:-1] + ',"repeated":true}')
            texts.append(text)
            if self._listener:
                try:
                    self._listener(line)
                except Exception as error:
                    self._listener = None
                    complain(f"the tables are no longer written: {type(error).__name__}: {error}")
        self._last_write = time.monotonic()
        data = ("\n".join(texts) + "\n").encode()
        if self._size + len(data) > self._file_bytes:
            self._next_file()
        if self._append(data):
            self.written += len(texts)
        else:
            self._losses["write_failed"] += sum(event[0] not in ("dropped", "alive", "bye") for event in events)

    def _next_file(self):
        base, _ = os.path.splitext(self.path)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        gone = 0
        old = base + ".1.jsonl"
        try:
            with open(old, "rb") as file:
                gone = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        except OSError:
            pass
        try:
            os.replace(self.path, old)
        except OSError:
            pass
        self._size = 0
        if gone:
            self._losses["file_full"] += gone

    def _append(self, data):
        """One write; where the disk is full or the directory gone it is tried again after a second."""
        if self._failing_since is not None and time.monotonic() - self._failing_since < 1:
            return False
        try:
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o644)
                self._size = os.fstat(self._descriptor).st_size
                if self._size == 0 and self.written and self._kept:
                    data = ("\n".join(self._kept) + "\n").encode() + data
            elif os.fstat(self._descriptor).st_nlink == 0:
                raise FileNotFoundError(self.path)
            if self._cut:
                data = b"\n" + data
            count = os.write(self._descriptor, data)
            self._size += count
            self._cut = count < len(data)
            self._failing_since = None
            return not self._cut
        except OSError as error:
            if self._failing_since is None:
                complain(f"cannot write {self.path}: {error.strerror}; what vLLM does meanwhile is not recorded")
            self._failing_since = time.monotonic()
            if self._descriptor is not None and not os.path.exists(self.path):
                os.close(self._descriptor)
                self._descriptor = None
            return False


def complain(message):
    try:
        os.write(2, f"kerneltracer: {message}\n".encode())
    except OSError:
        pass
