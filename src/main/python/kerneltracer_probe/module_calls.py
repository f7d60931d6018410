"""Records the calls of a model's modules (ModuleCalls), and marks them in a torch.profiler trace (ModuleMarks).

Needs torch alone, so that an engine's worker can use it too:

    calls = ModuleCalls(model)
    with calls:
        calls.step("kerneltracer.prefill batch=1 tokens=16")
        model(ids)
    calls.write("path.json")

    with profile(...), ModuleMarks(model):
        model(ids)

A module's `forward` is wrapped while this lasts: hooks would cost three times as much, and classes that
bring their own `__call__` (vLLM's compiled ones) pass them by. To record takes some 10 µs a call, a mark 1 µs.
So calls are recorded in one run and marked in another where times matter; both at once work too.
"""

import dataclasses
import functools
import os
import sys
import time

from .report import write_lines
from .tracers.torch_dispatch import dtype_name

# Annotations of a trace that begin so are calls of modules: the path, then the class.
MARK = "kerneltracer.module "

# Attributes by which models tell layers of one class apart, as gemma3's sliding and global ones.
_KINDS = ("layer_type", "attention_type", "block_type")
_MOST_ITEMS = 8


class _Wrapping:
    """Wraps the `forward` of all modules of a model while it is entered (`with`)."""

    def __init__(self, model):
        self._modules = [(module, _Module(module, paths)) for module, paths in _named(model)]
        self._before = []

    def __enter__(self):
        for module, described in self._modules:
            forward = module.forward
            if getattr(forward, "__func__", None) is _forward_of_none():
                continue  # a ModuleList is never called
            # Past nn.Module's __setattr__, which looks for parameters and modules.
            own = module.__dict__
            self._before.append((own, own.get("forward")))
            own["forward"] = functools.wraps(forward)(self._wrapped(described, forward))
        return self

    def __exit__(self, *_):
        for own, forward in self._before:
            if forward is None:
                del own["forward"]
            else:
                own["forward"] = forward
        self._before = []


def _forward_of_none():
    from torch import nn

    return nn.Module.forward


class ModuleMarks(_Wrapping):
    """Marks every call of a module in the trace of a running torch.profiler, by a row named
    `kerneltracer.module PATH CLASS`; the model itself has no path."""

    def __init__(self, model):
        import torch

        super().__init__(model)
        # torch's own fast mark takes 1 µs in a trace and 0.3 µs without, record_function ten times as much.
        self._mark = getattr(torch._C._profiler, "_RecordFunctionFast", None) or torch.profiler.record_function
        self._paths = []

    def _wrapped(self, described, forward):
        mark_class, paths = self._mark, self._paths

        if len(described.paths) == 1:
            path, mark = described.paths[0], described.mark(described.paths[0])

            def marked(*args, **kwargs):
                paths.append(path)
                try:
                    with mark_class(mark):
                        return forward(*args, **kwargs)
                finally:
                    paths.pop()

            return marked

        def marked_by_caller(*args, **kwargs):
            path = described.path(paths[-1] if paths else "")
            paths.append(path)
            try:
                with mark_class(described.mark(path)):
                    return forward(*args, **kwargs)
            finally:
                paths.pop()

        return marked_by_caller


class ModuleCalls(_Wrapping):
    """The calls of all modules of a model.

    `step(name)` begins a step, whose phase is the word behind `kerneltracer.` where the name has one;
    where nobody calls it, every call of the model itself is a step. `stacks` keeps the Python frames of
    every call."""

    def __init__(self, model, stacks=False):
        import torch

        super().__init__(model)
        self._tensor = torch.Tensor
        self._stacks = stacks
        self._texts = {}
        self._open = []
        self._told = False
        self._stack_ids = {}
        self.steps = []
        self.calls = []

    def step(self, name, phase=None):
        """Begins a step; None ends the one before it."""
        self._told = True
        self._begin_step(name, phase)

    def _begin_step(self, name, phase=None):
        now = time.perf_counter_ns()
        if self.steps and self.steps[-1]["end_ns"] is None:
            self.steps[-1]["end_ns"] = now
        if name is not None:
            if phase is None and name.startswith("kerneltracer."):
                phase = name.split()[0].removeprefix("kerneltracer.")
            self.steps.append({"index": len(self.steps), "name": name, "phase": phase, "start_ns": now, "end_ns": None})

    def _step(self):
        """The index of the open step, None outside of steps."""
        return len(self.steps) - 1 if self.steps and self.steps[-1]["end_ns"] is None else None

    def _wrapped(self, described, forward):
        calls, open_calls = self.calls, self._open
        root = described.paths[0] == ""
        clock = time.perf_counter_ns

        def recorded(*args, **kwargs):
            if root and not open_calls and not self._told:
                self._begin_step(f"forward {len(self.steps)}")
            parent = open_calls[-1] if open_calls else None
            path = described.path(calls[parent].path if parent is not None else "")
            inputs = [self._text(value) for value in args]
            inputs += [f"{name}={self._text(value)}" for name, value in kwargs.items() if value is not None]
            call = _Call(parent, self._step(), described, path, inputs)
            if self._stacks:
                call.stack = self._stack()
            open_calls.append(len(calls))
            calls.append(call)
            call.start_ns = clock()
            try:
                output = forward(*args, **kwargs)
            except BaseException as error:
                call.raised = type(error).__name__
                raise
            finally:
                call.duration_ns = clock() - call.start_ns
                open_calls.pop()
            call.outputs = self._outputs(output)
            call.dtype = self._dtype(output)
            return output

        return recorded

    def _outputs(self, output):
        if type(output) in (tuple, list):
            return [self._text(value) for value in output[:_MOST_ITEMS]] + ["…"] * (len(output) > _MOST_ITEMS)
        return [self._text(output)]

    def _text(self, value, depth=0):
        """A tensor as `f32[1, 16, 64]`; containers with what they hold, anything else by its type's name."""
        if isinstance(value, self._tensor):
            shape = value.shape
            key = (value.dtype, shape)
            try:
                text = self._texts.get(key)
            except TypeError:  # a symbolic shape
                return f"{dtype_name(value.dtype)}{list(shape)}"
            if text is None:
                text = self._texts[key] = f"{dtype_name(value.dtype)}{list(shape)}"
            return text
        if value is None or isinstance(value, (bool, int, float)):
            return repr(value)
        if isinstance(value, str):
            return repr(value[:40])
        name = type(value).__name__
        if depth < 2:
            if isinstance(value, dict):
                items = [f"{key}={self._text(item, depth + 1)}" for key, item in _first(value.items())]
                return self._held("" if name == "dict" else name, items, len(value))
            if isinstance(value, (tuple, list)):
                items = [self._text(item, depth + 1) for item in value[:_MOST_ITEMS]]
                return self._held("" if name in ("tuple", "list") else name, items, len(value))
            if dataclasses.is_dataclass(value):
                fields = [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
                fields = [field for field in fields if field[1] is not None]
                items = [f"{key}={self._text(item, depth + 1)}" for key, item in _first(fields)]
                return self._held(name, items, len(fields))
        return name

    @staticmethod
    def _held(name, items, count):
        return f"{name}({', '.join(items)}{', …' if count > len(items) else ''})"

    def _dtype(self, value, depth=0):
        """The dtype of the first tensor of floating point numbers in a value, else of the first tensor."""
        if isinstance(value, self._tensor):
            return dtype_name(value.dtype)
        if depth == 3:
            return None
        if isinstance(value, dict):
            value = list(value.values())
        elif dataclasses.is_dataclass(value):
            value = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
        if not isinstance(value, (tuple, list)):
            return None
        found = None
        for item in value[:_MOST_ITEMS]:
            dtype = self._dtype(item, depth + 1)
            if dtype is not None and (dtype.startswith(("f", "bf")) or found is None):
                if dtype.startswith(("f", "bf")):
                    return dtype
                found = dtype
        return found

    def _stack(self):
        """The id of the Python frames that lead to a call, innermost first, without torch's own and ours."""
        frames = []
        frame = sys._getframe(2)
        while frame is not None and len(frames) < 64:
            code = frame.f_code
            if not code.co_filename.endswith((_HERE, "torch/nn/modules/module.py")):
                frames.append(f"{_short(code.co_filename)}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        return self._stack_ids.setdefault(tuple(frames), len(self._stack_ids))

    def write(self, path):
        """Writes `path.json`: what the model consists of, the steps, and the calls in order. Times begin
        with the first step or call."""
        first = min(
            [step["start_ns"] for step in self.steps[:1]] + [call.start_ns for call in self.calls[:1]], default=0
        )
        write_lines(
            path,
            {
                "modules": (described.row(index) for index, (_, described) in enumerate(self._modules)),
                "stacks": (list(stack) for stack in self._stack_ids),
                "steps": (self._step_row(step, first) for step in self.steps),
                "calls": self._call_rows(first),
            },
        )

    @staticmethod
    def _step_row(step, first):
        end = step["end_ns"]
        return {
            "index": step["index"],
            "name": step["name"],
            "phase": step["phase"],
            "start_ns": step["start_ns"] - first,
            "duration_ns": None if end is None else end - step["start_ns"],
        }

    def _call_rows(self, first):
        depths = []
        for index, call in enumerate(self.calls):
            depths.append(0 if call.parent is None else depths[call.parent] + 1)
            row = {
                "index": index,
                "step": call.step,
                "phase": None if call.step is None else self.steps[call.step]["phase"],
                "module": call.path,
                "class": call.described.class_name,
                "depth": depths[index],
                "inputs": call.inputs,
                "outputs": call.outputs,
                "dtype": call.dtype,
                "parameters": call.described.parameters,
                "start_ns": call.start_ns - first,
                "duration_ns": call.duration_ns,
                "parent": call.parent,
            }
            if call.stack is not None:
                row["stack"] = call.stack
            if call.raised is not None:
                row["raised"] = call.raised
            yield row


class _Call:
    """One call of a module; outputs are None where its forward raised."""

    __slots__ = (
        "described", "dtype", "duration_ns", "inputs", "outputs", "parent", "path", "raised", "stack", "start_ns",
        "step",
    )  # fmt: skip

    def __init__(self, parent, step, described, path, inputs):
        self.parent, self.step, self.described, self.path, self.inputs = parent, step, described, path, inputs
        self.outputs = self.dtype = self.duration_ns = self.stack = self.raised = None


class _Module:
    """What is known of a module beforehand."""

    def __init__(self, module, paths):
        self.paths = paths
        self.class_name = type(module).__name__
        self.parameters = _parameters(module.parameters())
        self.own_parameters = _parameters(module.parameters(recurse=False))
        kinds = (module.__dict__.get(name) for name in _KINDS)
        self.kind = next((kind for kind in kinds if isinstance(kind, str)), None)
        self._marks = {}

    def path(self, caller):
        """The path of a call: of a module that has several the first that lies below its caller's."""
        if len(self.paths) > 1 and caller:
            for path in self.paths:
                if path.startswith(caller + "."):
                    return path
        return self.paths[0]

    def mark(self, path):
        mark = self._marks.get(path)
        if mark is None:
            mark = self._marks[path] = f"{MARK}{path} {self.class_name}"
        return mark

    def row(self, index):
        row = {
            "index": index,
            "module": self.paths[0],
            "class": self.class_name,
            "parameters": self.parameters,
            "own_parameters": self.own_parameters,
        }
        if len(self.paths) > 1:
            row["also"] = self.paths[1:]
        if self.kind is not None:
            row["kind"] = self.kind
        return row


def _named(model):
    """(module, its paths) for every module of a model, the model itself first."""
    found = {}
    try:
        for path, module in model.named_modules(remove_duplicate=False):
            found.setdefault(id(module), (module, []))[1].append(path)
    except RecursionError:  # a module that holds itself
        found = {id(module): (module, [path]) for path, module in model.named_modules()}
    return list(found.values())


def _parameters(parameters):
    count = 0
    for parameter in parameters:
        try:
            count += parameter.numel()
        except Exception:  # a lazy one has no size yet
            pass
    return count


def _first(items):
    return list(items)[:_MOST_ITEMS]


def _short(filename):
    """A file from its package on."""
    _, found, rest = filename.rpartition("site-packages" + os.sep)
    return rest if found else filename


_HERE = os.path.join("kerneltracer_probe", "module_calls.py")
