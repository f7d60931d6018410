"""What a worker tells: each forward of the model with the CUDA graph that it ran as, and each capture of a graph.

A forward is what happens between the beginning and the end of `execute_model`; its mode and descriptor are those of
the forward context (or of `run_fullgraph`), and graphs are counted where torch replays them. Device times come from
pairs of events around the model, read in a later forward once both are complete: nothing waits for the device.
"""

import collections
import sys

from kerneltracer_watch.hooks import Hook
from kerneltracer_watch.probe import PROBE, now_ns

RUNNER_V1 = "vllm.v1.worker.gpu_model_runner"
RUNNER_V2 = "vllm.v1.worker.gpu.model_runner"
MANAGER_V2 = "vllm.v1.worker.gpu.cudagraph_utils"
TORCH_GRAPHS = "torch.cuda.graphs"
GRAPH_MODES = ("FULL", "PIECEWISE")
# A forward whose device time is not known by then is told without it.
DEVICE_PATIENCE_SECONDS = 0.8
MOST_PENDING = 256


class Forward:
    """One on its way through `execute_model`."""

    __slots__ = (
        "descriptor",
        "device_end",
        "device_start",
        "entered",
        "left",
        "mode",
        "moe_calls",
        "padded",
        "replays",
        "skipped",
        "started",
    )

    def __init__(self, started):
        self.started = started
        self.mode = self.descriptor = self.padded = None
        self.entered = self.left = self.device_start = self.device_end = None
        self.replays = self.moe_calls = 0
        self.skipped = False


class Capture:
    """Of one descriptor: one graph, or the pieces of a forward."""

    def __init__(self, mode, descriptor, started):
        self.mode, self.descriptor, self.started = mode, descriptor, started
        self.ended = started
        self.graphs = 0


class Worker:
    def __init__(self):
        self.reset()
        self.captured = set()
        self.events = []

    def reset(self):
        self.current = None
        self.prefilling = {}
        self.pending = collections.deque()
        self.capture = None
        self.unnamed = []
        self.capture_started = None
        self.timed = collections.Counter()
        self.timed_at = {}


WORKER = Worker()
PROBE.on_switch.append(WORKER.reset)


def hooks(track):
    found = []
    for module, version in ((RUNNER_V1, "V1"), (RUNNER_V2, "V2")):
        found.append(Hook("worker", module, "GPUModelRunner.__init__", _around_runner_init(version)))
        if {"graphs", "scheduler", "moe"} & set(track):
            found += [
                Hook("forward", module, "GPUModelRunner.execute_model", _around_execute_model),
                Hook("forward", module, "set_forward_context", _around_forward_context),
                Hook("cpu", module, "GPUModelRunner.sample_tokens", _timed("sample_tokens"), optional=True),
            ]
        if "graphs" in track:
            found.append(Hook("captures", module, "GPUModelRunner.capture_model", _around_capture_model))
    found.append(Hook("cpu", RUNNER_V1, "GPUModelRunner._prepare_inputs", _timed("prepare_inputs")))
    found.append(Hook("cpu", RUNNER_V2, "GPUModelRunner.prepare_inputs", _timed("prepare_inputs")))
    if "graphs" in track:
        found += [
            Hook("captures", MANAGER_V2, "CudaGraphManager.capture", _around_manager_capture),
            Hook("forward", MANAGER_V2, "CudaGraphManager.run_fullgraph", _around_run_fullgraph),
            Hook("forward", MANAGER_V2, "CudaGraphManager.run", _around_run_fullgraph, optional=True),
            Hook("forward", TORCH_GRAPHS, "CUDAGraph.replay", _around_replay),
            Hook("captures", TORCH_GRAPHS, "CUDAGraph.capture_begin", _around_capture_begin),
            Hook("captures", TORCH_GRAPHS, "CUDAGraph.capture_end", _around_capture_end),
        ]
    return found


def _around_runner_init(version):
    def make(original):
        def __init__(self, *args, **kwargs):
            original(self, *args, **kwargs)
            try:
                PROBE.role("worker", _identity(self, version))
            except Exception as error:
                PROBE.broken("worker", error)

        return __init__

    return make


def _identity(runner, version):
    parallel = runner.vllm_config.parallel_config
    state = sys.modules.get("vllm.distributed.parallel_state")

    def rank_in(group):
        try:
            return getattr(state, group)().rank_in_group
        except Exception:
            return None

    return {
        "rank": parallel.rank,
        "local_rank": getattr(getattr(runner, "device", None), "index", None),
        "dp_rank": getattr(parallel, "data_parallel_index", None) or parallel.data_parallel_rank,
        "tp_rank": rank_in("get_tp_group"),
        "pp_rank": rank_in("get_pp_group"),
        "device": str(getattr(runner, "device", None)),
        "runner": type(runner).__name__,
        "runner_version": version,
    }


def describe(descriptor):
    """The fields that tables share, by the same names in every version, then whatever else this version has."""
    if descriptor is None:
        return None
    if isinstance(descriptor, int):
        return {"num_tokens": descriptor, "num_reqs": None, "uniform": False, "has_lora": False}
    names = getattr(descriptor, "_fields", None) or getattr(type(descriptor), "__dataclass_fields__", {})
    values = {name: getattr(descriptor, name) for name in names}
    values.pop("cg_mode", None)
    uniform = values.pop("uniform", None)
    if uniform is None:
        uniform = values.pop("uniform_decode", None)
    if uniform is None:
        uniform = values.get("uniform_token_count") is not None
    loras = values.get("num_active_loras")
    has_lora = values.pop("has_lora", None)
    return {
        "num_tokens": values.pop("num_tokens", None),
        "num_reqs": values.pop("num_reqs", None),
        "uniform": bool(uniform),
        "has_lora": bool(loras) if has_lora is None else bool(has_lora),
        **values,
    }


def _mode(value):
    name = getattr(value, "name", None)
    return name if name in GRAPH_MODES else "NONE"


# Forwards


def _around_execute_model(original):
    def execute_model(self, scheduler_output, *args, **kwargs):
        dummy = kwargs.get("dummy_run") or (len(args) > 1 and args[1] is True)
        if dummy or not scheduler_output.total_num_scheduled_tokens:
            return original(self, scheduler_output, *args, **kwargs)
        try:
            if WORKER.pending:
                _read_device_times()
            if WORKER.capture is not None or WORKER.unnamed:
                _end_captures()
            forward = WORKER.current = Forward(now_ns())
        except Exception as error:
            forward = None
            PROBE.broken("forward", error)
        try:
            return original(self, scheduler_output, *args, **kwargs)
        finally:
            WORKER.current = None
            if forward is not None and forward.mode is not None:
                try:
                    _end_forward(self, scheduler_output, forward)
                except Exception as error:
                    PROBE.broken("forward", error)

    return execute_model


class _Context:
    """vLLM's own context manager, with the times and the events of the device around the model."""

    def __init__(self, context, forward):
        self.context, self.forward = context, forward

    def __enter__(self):
        result = self.context.__enter__()
        _enter(self.forward)
        return result

    def __exit__(self, *details):
        _leave(self.forward)
        return self.context.__exit__(*details)


def _around_forward_context(original):
    def set_forward_context(*args, **kwargs):
        context = original(*args, **kwargs)
        forward = WORKER.current
        if forward is None or forward.mode is not None:
            return context
        try:
            forward.mode = _mode(kwargs.get("cudagraph_runtime_mode"))
            forward.descriptor = kwargs.get("batch_descriptor")
            forward.padded = kwargs.get("num_tokens")
            forward.skipped = bool(kwargs.get("skip_compiled"))
            return _Context(context, forward)
        except Exception as error:
            PROBE.broken("forward", error)
            return context

    return set_forward_context


def _around_run_fullgraph(original):
    def run_fullgraph(self, descriptor, *args, **kwargs):
        forward = WORKER.current
        if forward is None or forward.mode is not None:
            return original(self, descriptor, *args, **kwargs)
        try:
            forward.mode, forward.descriptor = "FULL", descriptor
            forward.padded = getattr(descriptor, "num_tokens", descriptor)
        except Exception as error:
            PROBE.broken("forward", error)
        _enter(forward)
        try:
            return original(self, descriptor, *args, **kwargs)
        finally:
            _leave(forward)

    return run_fullgraph


def _around_replay(original):
    def replay(self, *args, **kwargs):
        forward = WORKER.current
        if forward is not None:
            forward.replays += 1
        return original(self, *args, **kwargs)

    return replay


def _enter(forward):
    try:
        forward.entered = now_ns()
        forward.device_start = _record()
    except Exception as error:
        PROBE.broken("device_times", error)


def _leave(forward):
    try:
        if forward.device_start is not None:
            forward.device_end = _record()
        forward.left = now_ns()
    except Exception as error:
        PROBE.broken("device_times", error)


def _record():
    """An event of the pool, recorded on the current stream; None without a CUDA device or within a capture."""
    if PROBE.hooks.is_broken("device_times"):
        return None
    cuda = sys.modules["torch"].cuda
    if not cuda.is_initialized() or cuda.is_current_stream_capturing():
        return None
    event = WORKER.events.pop() if WORKER.events else cuda.Event(enable_timing=True)
    event.record()
    return event


def _end_forward(runner, output, forward):
    now = now_ns()
    scheduled = output.num_scheduled_tokens
    tokens, requests = output.total_num_scheduled_tokens, len(scheduled)
    prefill_requests, prefill_tokens = _prefill(output, scheduled, tokens)
    phase = "decode" if not prefill_requests else "prefill" if prefill_requests == requests else "mixed"
    captured = forward.mode != "NONE"
    left = forward.left or now
    line = [
        forward.mode,
        describe(forward.descriptor) if captured else None,
        None if captured else _eager_reason(runner, forward, tokens),
        forward.replays,
        tokens,
        max(tokens, int(forward.padded or 0)),
        requests,
        prefill_requests,
        prefill_tokens,
        requests - prefill_requests,
        tokens - prefill_tokens,
        phase,
        left - (forward.entered or forward.started),
        now - forward.started,
        None,
    ]
    if forward.device_start is None or forward.device_end is None:
        PROBE.file.put("forward", forward.started, *line)
    elif len(WORKER.pending) < MOST_PENDING:
        WORKER.pending.append((forward.started, line, forward.device_start, forward.device_end))
    else:
        PROBE.file.put("forward", forward.started, *line)


def _read_device_times():
    """On vLLM's own thread, between two forwards: no capture is under way then."""
    if sys.modules["torch"].cuda.is_current_stream_capturing():
        return
    pending = WORKER.pending
    while pending:
        started, line, start, end = pending[0]
        if not end.query():
            break
        pending.popleft()
        line[-1] = round(start.elapsed_time(end) * 1e6)
        WORKER.events += [start, end]
        PROBE.file.put("forward", started, *line)


def tell_late(last):
    """On the writer's thread: forwards after which nothing came are told without their device time, which only
    vLLM's thread may ask for."""
    pending = WORKER.pending
    while pending and (last or now_ns() - pending[0][0] > DEVICE_PATIENCE_SECONDS * 1e9):
        try:
            started, line, _, _ = pending.popleft()
        except IndexError:
            return
        PROBE.file.put("forward", started, *line)


PROBE.on_tick.append(tell_late)


def _prefill(output, scheduled, tokens):
    """The requests and tokens of this step that belong to prompts, or to what a preempted request has lost."""
    prefilling, new = WORKER.prefilling, output.scheduled_new_reqs
    if not new and not prefilling and tokens == len(scheduled) and not _resumed(output):
        return 0, 0
    requests = count = 0
    for request in new:
        name = request.req_id
        prompt = request.prompt_token_ids
        size = len(prompt) if prompt is not None else request.num_computed_tokens + scheduled[name]
        left = size - request.num_computed_tokens - scheduled[name]
        if left > 0:
            prefilling[name] = left
        requests += 1
        count += scheduled[name]
    fresh = {request.req_id for request in new}
    drafts, resumed = output.scheduled_spec_decode_tokens, _resumed(output)
    for name, size in scheduled.items():
        if name in fresh:
            continue
        left = prefilling.get(name)
        if left is not None:
            if left - size > 0:
                prefilling[name] = left - size
            else:
                del prefilling[name]
        elif name not in resumed and size <= 1 + len(drafts.get(name, ())):
            continue
        requests += 1
        count += size
    for name in output.finished_req_ids:
        prefilling.pop(name, None)
    return requests, count


def _resumed(output):
    cached = output.scheduled_cached_reqs
    found = getattr(cached, "resumed_req_ids", None)
    if found is None:
        flags = getattr(cached, "resumed_from_preemption", ())
        found = {name for name, flag in zip(cached.req_ids, flags, strict=False) if flag}
    return found


def _eager_reason(runner, forward, tokens):
    config = runner.vllm_config
    compilation = config.compilation_config
    if config.model_config.enforce_eager:
        return "enforce_eager"
    if getattr(compilation.cudagraph_mode, "name", "NONE") == "NONE":
        return "no_graphs"
    if forward.skipped:
        return "disabled_for_step"
    most = getattr(compilation, "max_cudagraph_capture_size", None) or getattr(compilation, "max_capture_size", None)
    sizes = getattr(compilation, "cudagraph_capture_sizes", None)
    if most is None and sizes:
        most = max(sizes)
    if most is not None and tokens > most:
        return "batch_too_large"
    return "not_captured"


# Captures


def _around_capture_begin(original):
    def capture_begin(self, *args, **kwargs):
        try:
            started = now_ns()
            mode, descriptor = _forward_context()
            WORKER.capture_started = started
            capture = WORKER.capture
            if mode != "NONE" and (capture is None or (capture.mode, capture.descriptor) != (mode, descriptor)):
                _end_capture()
                WORKER.capture = Capture(mode, descriptor, started)
        except Exception as error:
            PROBE.broken("captures", error)
        return original(self, *args, **kwargs)

    return capture_begin


def _around_capture_end(original):
    def capture_end(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        try:
            now = now_ns()
            mode, descriptor = _forward_context()
            capture = WORKER.capture
            if mode != "NONE" and capture is not None and capture.descriptor == descriptor:
                capture.graphs += 1
                capture.ended = now
            elif WORKER.capture_started is not None:
                # Outside a forward context: a FULL graph of the second runner, named by its manager afterwards.
                WORKER.unnamed.append((WORKER.capture_started, now))
            WORKER.capture_started = None
        except Exception as error:
            PROBE.broken("captures", error)
        return result

    return capture_end


def _forward_context():
    context = sys.modules.get("vllm.forward_context")
    try:
        current = context.get_forward_context()
    except (AssertionError, AttributeError):
        # There is none, which only later versions can be asked.
        return "NONE", None
    return _mode(current.cudagraph_runtime_mode), current.batch_descriptor


def _end_capture():
    capture, WORKER.capture = WORKER.capture, None
    if capture is not None and capture.graphs:
        _tell_capture(capture.mode, capture.descriptor, capture.started, capture.ended, capture.graphs)


def _tell_capture(mode, descriptor, started, ended, graphs):
    fields = describe(descriptor)
    key = (mode, tuple(fields.items()))
    line = {
        "mode": mode,
        "descriptor": fields,
        "seconds": round((ended - started) / 1e9, 6),
        "graphs": graphs,
        "again": key in WORKER.captured,
    }
    WORKER.captured.add(key)
    PROBE.file.put("capture", started, line)


def _end_captures():
    _end_capture()
    # Graphs that no manager named, such as those of a vision encoder, are not the model's.
    WORKER.unnamed.clear()


def _around_manager_capture(original):
    def capture(self, *args, **kwargs):
        try:
            before = set(self.graphs)
            _end_captures()
        except Exception as error:
            before = None
            PROBE.broken("captures", error)
        result = original(self, *args, **kwargs)
        try:
            if before is not None:
                _end_capture()
                new = [descriptor for descriptor in self.graphs if descriptor not in before]
                for descriptor, (started, ended) in zip(new, WORKER.unnamed, strict=False):
                    _tell_capture("FULL", descriptor, started, ended, 1)
                WORKER.unnamed.clear()
        except Exception as error:
            PROBE.broken("captures", error)
        return result

    return capture


def _around_capture_model(original):
    def capture_model(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        try:
            _end_captures()
        except Exception as error:
            PROBE.broken("captures", error)
        return result

    return capture_model


# Operations of the host


def _timed(operation):
    """Every so many calls, and once a second while there are any."""

    def make(original):
        def wrapper(self, *args, **kwargs):
            started = now_ns()
            result = original(self, *args, **kwargs)
            try:
                timed = WORKER.timed
                timed[operation] += 1
                now = now_ns()
                if (
                    timed[operation] % PROBE.settings.interval == 1
                    or now - WORKER.timed_at.get(operation, 0) > 1_000_000_000
                ):
                    WORKER.timed_at[operation] = now
                    PROBE.file.put("cpu_operation", started, operation, now - started, {"calls": timed[operation]})
            except Exception as error:
                PROBE.broken("cpu", error)
            return result

        return wrapper

    return make
