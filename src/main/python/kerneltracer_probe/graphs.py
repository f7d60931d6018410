"""The model's forward pass under Dynamo: its graphs, where Dynamo broke off, and how files tell of both."""

import contextlib
import os
import re
import sys

from .report import JobError

_LIMITS = ("recompile_limit", "cache_size_limit", "accumulated_recompile_limit", "accumulated_cache_size_limit")

# How Dynamo joins two reasons, and names a place: `frame skipped: f (file.py line 13)`, `File "file.py", line 13`.
_ANOTHER = "another graph break occurred: ***"
_PLACE = re.compile(r'(?:\(|File ")([^\s"]+)"?,? line (\d+)')


def require_dynamo():
    """Ends the job as skipped where this torch has no Dynamo for this Python."""
    import torch

    try:
        from torch._dynamo.eval_frame import check_if_dynamo_supported

        check_if_dynamo_supported()
    except Exception as error:
        python = ".".join(map(str, sys.version_info[:2]))
        raise JobError("skipped", f"torch {torch.__version__} has no Dynamo for Python {python}: {error}") from error


class Forward:
    """The forward pass compiled by `backend`, for one run of the workload. `phase` is the step at hand
    (`prefill`, `decode step=1`, ...), `breaks` are all places where Dynamo broke off."""

    def __init__(self, workload, backend):
        self.phase = "setup"
        self.breaks = []
        self._workload, self._backend = workload, backend

    def run(self):
        """Runs the workload once: the graphs are made on the way, one for each break and recompilation."""
        import torch

        torch._dynamo.reset()
        model = self._workload.model
        eager = model.forward
        known = [name for name in _LIMITS if hasattr(torch._dynamo.config, name)]
        # A graph that is not made again because of a limit would be a graph lost.
        with torch._dynamo.config.patch(dict.fromkeys(known, 1 << 16)):
            model.forward = torch.compile(eager, backend=self._backend)
            try:
                self._workload.run(self._mark)
            finally:
                self.collect()
                model.forward = eager

    @contextlib.contextmanager
    def _mark(self, name):
        self.collect()
        words = name.removeprefix("kerneltracer.").split()
        self.phase = " ".join([words[0]] + [word for word in words if word.startswith("step=")])
        try:
            yield
        finally:
            self.collect()
            self.phase = "setup"

    def collect(self):
        """Takes the breaks that Dynamo has noted since the last call."""
        from torch._dynamo.utils import counters, graph_break_reasons

        for reason in graph_break_reasons:
            stack = list(reason.user_stack or [])
            location = f"{stack[-1].filename}:{stack[-1].lineno}" if stack else ""
            self._add(str(reason.reason), location, stack[-1].line if stack else "", stack)
        graph_break_reasons.clear()
        # Functions that Dynamo leaves to Python as a whole are only counted, their place stands in the words.
        known = {entry["reason"] for entry in self.breaks}
        for reason in counters["unimplemented"]:
            last = str(reason).rpartition(_ANOTHER)[2]
            if _plain(last) not in known:
                places = _PLACE.findall(last)
                self._add(last, ":".join(filter(None, places[-1])) if places else "", "", [])

    def _add(self, reason, location, line, stack):
        entry = {
            "reason": _plain(reason),
            "location": location,
            "line": line or "",
            "phase": self.phase,
            "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack],
        }
        # One place breaks a function off, and again each function that it was inlined into.
        same = ("reason", "location", "phase")
        if all(any(entry[key] != other[key] for key in same) for other in self.breaks):
            self.breaks.append(entry)


def _plain(reason):
    """The reason in one line, without the link to torch's pages and the lines of its traceback."""
    lines = [line.strip() for line in reason.partition("Traceback:")[0].splitlines()]
    return " ".join(line for line in lines if line and not line.startswith("For more details"))


def nodes(graph):
    """A graph's nodes for a JSON file. Arguments are structures of node names and constants, text in
    quotes of its own; `tensor` is the value's shape and dtype, `module` and `source` where it comes from."""
    return [_node(node) for node in graph.nodes]


def _node(node):
    row = {
        "name": node.name,
        "op": node.op,
        "target": target_name(node.target),
        "args": [_argument(value) for value in node.args],
        "kwargs": {key: _argument(value) for key, value in node.kwargs.items()},
        "users": [user.name for user in node.users],
    }
    value = node.meta.get("example_value", node.meta.get("val"))
    if value is not None:
        row["tensor"] = _value(value)
    stack = node.meta.get("nn_module_stack")
    if stack:
        row["module"] = _module_path(list(stack.values())[-1])
    source = _source(node.meta.get("stack_trace"))
    if source:
        row["source"] = source
    return row


def target_name(target):
    from torch.fx.node import _get_qualified_name

    if isinstance(target, str):
        return target
    if hasattr(target, "overloadpacket") or hasattr(target, "_qualname"):
        return str(target)
    try:
        return _get_qualified_name(target)
    except Exception:
        return getattr(target, "__qualname__", None) or repr(target)


def _argument(value):
    import torch

    if isinstance(value, torch.fx.Node):
        return value.name
    if isinstance(value, (list, tuple)):
        return [_argument(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _argument(item) for key, item in value.items()}
    if isinstance(value, slice):
        return f"slice({', '.join(str(_argument(part)) for part in (value.start, value.stop, value.step))})"
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
        return str(value)
    return target_name(value) if callable(value) else repr(value)


def _value(value):
    """Shape and dtype; no stride, which would ask questions of a symbolic shape."""
    import torch

    from .tracers.torch_dispatch import dtype_name

    if isinstance(value, torch.Tensor):
        return f"T([{', '.join(str(size) for size in value.shape)}], {dtype_name(value.dtype)})"
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    return str(value)


def _module_path(entry):
    """`model.layers.0.mlp` of `L['self'].model.layers.0.mlp`, in whatever way this torch quotes it."""
    path = entry[0] if isinstance(entry, tuple) else str(entry)
    path = path.replace("L['self'].", "").replace("L['fn'].", "").removeprefix("L['self']")
    for old in ("._modules['", "['"):
        path = path.replace(old, ".")
    return path.replace("']", "").replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "").strip(".")


def _source(trace):
    """`modeling_llama.py:120` of the last frame of a stack trace."""
    place = ""
    for line in (trace or "").splitlines():
        if line.strip().startswith('File "'):
            path, _, rest = line.strip().removeprefix('File "').partition('", line ')
            place = f"{os.path.basename(path)}:{rest.partition(',')[0]}"
    return place
