"""Inductor: the code that torch.compile generates for the model, its kernels and how they are launched."""

import ast
import os
import shutil
import time

from ..graphs import Forward, require_dynamo
from ..report import JobError, event, note, phase, write_json

# Generated in the cache, worth keeping: sources, and what Triton made of them.
_KEPT = (".cpp", ".cc", ".cu", ".ttir", ".ttgir", ".llir", ".ptx", ".cubin", ".amdgcn", ".hsaco")
# Of a graph, in its order: operators before and after Inductor's passes, its loops before and after fusion.
_DUMPED = ("fx_graph_readable.py", "fx_graph_transformed.py", "ir_pre_fusion.txt", "ir_post_fusion.txt")


def trace(workload, spec, directory):
    require_dynamo()
    _require_compiler(workload.ids.device.type)
    # Inductor's caches, in a directory of the job's own: what this run generates is all there is.
    cache = os.path.join(directory, "inductor_cache.partial")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
    os.environ.pop("TRITON_CACHE_DIR", None)
    try:
        launches = _compile(workload, cache)
        phase("writing")
        _write(cache, launches, directory)
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _require_compiler(device):
    if device == "cpu":
        from torch._inductor import config

        named = config.cpp.cxx if isinstance(config.cpp.cxx, (list, tuple)) else [config.cpp.cxx]
        names = [name for name in (os.environ.get("CXX"), *named, "g++") if name]
        if not any(shutil.which(name) for name in names):
            raise JobError("skipped", f"needs a C++ compiler, and there is no {' or '.join(dict.fromkeys(names))}")
        return
    try:
        import triton  # noqa: F401
    except ImportError as error:
        raise JobError("skipped", f"needs Triton on a GPU, which cannot be imported: {error}") from error
    if not any(shutil.which(name) for name in (os.environ.get("CC"), "gcc", "clang", "cc") if name):
        raise JobError("skipped", "needs a C compiler, with which Triton builds its launchers, and there is no gcc")


def _compile(workload, cache):
    """Runs the workload once through Inductor and tells how each Triton kernel was launched."""
    import torch._inductor.config as config

    wanted = {
        "fx_graph_cache": False,
        "fx_graph_remote_cache": False,
        "autotune_remote_cache": False,
        "bundled_autotune_remote_cache": False,
        # A launcher of C++ keeps neither PTX nor the launch's numbers.
        "use_static_cuda_launcher": False,
        "triton.unique_kernel_names": True,
        "trace.enabled": True,
        "trace.debug_dir": os.path.join(cache, "dump"),
    }
    known = {name: value for name, value in wanted.items() if _has(config, name)}
    launches = _Launches()
    phase("tracing")
    started = time.monotonic()
    with config.patch(known), launches:
        Forward(workload, "inductor").run()
    event("traced", seconds=time.monotonic() - started)
    return launches.by_kernel


def _has(config, name):
    for part in name.split("."):
        if not hasattr(config, part):
            return False
        config = getattr(config, part)
    return True


class _Launches:
    """Hears every Triton kernel's first launch: its configuration after tuning, its grid, its binary."""

    def __init__(self):
        self.by_kernel = {}
        self._class = self._original = None

    def __enter__(self):
        try:
            try:
                from torch._inductor.runtime.triton_heuristics import CachingAutotuner
            except ImportError:  # before 2.4
                from torch._inductor.triton_heuristics import CachingAutotuner
        except Exception:  # without Triton there are no such launches
            return self
        original = CachingAutotuner.run
        seen = set()

        def run(autotuner, *args, **kwargs):
            result = original(autotuner, *args, **kwargs)
            # The tuner itself is kept: the number of one that is gone may come again.
            if autotuner not in seen:
                seen.add(autotuner)
                try:
                    self._hear(autotuner, args, kwargs)
                except Exception as error:  # names inside of Inductor change
                    note(f"the launch of {autotuner.fn.__name__} is not told: {type(error).__name__}: {error}"[:300])
            return result

        self._class, self._original = CachingAutotuner, original
        CachingAutotuner.run = run
        return self

    def __exit__(self, *_):
        if self._class is not None:
            self._class.run = self._original

    def _hear(self, autotuner, args, kwargs):
        if len(autotuner.launchers) != 1:
            return
        launcher = autotuner.launchers[0]
        configuration = launcher.config
        binary = getattr(launcher, "bin", None) or getattr(launcher, "__globals__", {}).get("bin")
        grid = kwargs.get("grid")
        if callable(grid):  # before 2.7
            grid = grid(configuration.kwargs)
        elif grid is None:
            grid = autotuner._interpret_args_grid(args, configuration)[1]
        shared = launcher.shared
        name = autotuner.fn.__name__
        self.by_kernel.setdefault(name, []).append(
            {
                "code": (getattr(autotuner.fn, "src", None) or "").strip(),
                "binary": binary,
                "launch_config": {
                    "grid": [int(size) for size in grid],
                    "num_warps": int(configuration.num_warps),
                    "num_stages": int(configuration.num_stages),
                    "shared": int(shared) if shared is not None else None,
                    "registers": getattr(launcher, "n_regs", None),
                    "spills": getattr(launcher, "n_spills", None),
                    **{key: value for key, value in configuration.kwargs.items() if isinstance(value, (int, str))},
                },
            }
        )


def _write(cache, launches, directory):
    dump = os.path.join(directory, "inductor_dump")
    partial = dump + ".partial"
    for old in (dump, partial):
        shutil.rmtree(old, ignore_errors=True)
    os.makedirs(partial)
    graphs = _graphs(cache, partial)
    if not graphs:
        raise OSError("Inductor generated no code: was torch.compile switched off (TORCHDYNAMO_DISABLE)?")
    _keep_binaries(cache, partial)
    kernels = []
    for name, code in graphs:
        kernels += _kernels(code, name, launches, partial)
    os.replace(partial, dump)
    write_json(os.path.join(directory, "torch_inductor_kernels.json"), kernels)
    files = sorted(
        os.path.relpath(os.path.join(folder, name), directory) for folder, _, names in os.walk(dump) for name in names
    )
    path = os.path.join(directory, "torch_inductor.txt")
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in files)
    os.replace(path + ".partial", path)


def _graphs(cache, target):
    """Copies what Inductor dumped of each graph; [(folder, generated code)] in order of compilation."""
    found = []
    for folder, _, names in os.walk(os.path.join(cache, "dump")):
        if "output_code.py" in names:
            found.append((os.path.getmtime(os.path.join(folder, "output_code.py")), folder))
    graphs = []
    for position, (_, folder) in enumerate(sorted(found)):
        kind = next((kind for kind in ("forward", "backward", "inference") if kind in folder), "graph")
        name = f"graph_{position}_{kind}"
        os.makedirs(os.path.join(target, name))
        for file in ("output_code.py", *_DUMPED):
            if os.path.exists(os.path.join(folder, file)):
                shutil.copyfile(os.path.join(folder, file), os.path.join(target, name, file))
        with open(os.path.join(folder, "output_code.py"), encoding="utf-8") as file:
            graphs.append((name, file.read()))
    return graphs


def _keep_binaries(cache, target):
    for folder, _, names in os.walk(cache):
        for name in names:
            if name.endswith(_KEPT) and os.sep + "dump" + os.sep not in folder + os.sep:
                kept = os.path.join(target, "code", os.path.relpath(os.path.join(folder, name), cache))
                os.makedirs(os.path.dirname(kept), exist_ok=True)
                shutil.copyfile(os.path.join(folder, name), kept)


def _kernels(code, graph, launches, dump):
    """The kernels that a graph's generated code defines: calls of `async_compile` with a source."""
    import torch

    rows = []
    for statement in ast.parse(code).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            continue
        call = statement.value
        if not (isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "async_compile"):
            continue
        texts = [item.value for item in call.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        name, source = statement.targets[0].id, max(texts, key=len, default="")
        if "cpp" in call.func.attr:
            types = [ast.literal_eval(item) for item in call.args if isinstance(item, ast.List)]
            threads = {"num_threads": torch.get_num_threads(), "simd": _simd(), "arguments": types[0] if types else []}
            rows.append({"kernel_name": name, "source": source, "launch_config": threads, "graph": graph})
            continue
        heard = launches.get(name) or [{"code": "", "binary": None, "launch_config": {}}]
        # Several graphs have a kernel of that name: those of this code are meant.
        for launch in [launch for launch in heard if launch["code"] and launch["code"] in source] or heard:
            rows.append(
                {
                    "kernel_name": name,
                    **_assembly(launch["binary"], name, dump),
                    "source": source,
                    "launch_config": launch["launch_config"],
                    "graph": graph,
                }
            )
    return rows


def _assembly(binary, name, dump):
    """PTX as text; the cubin as a file, named from the job's directory."""
    assembly = getattr(binary, "asm", None)
    ptx = assembly.get("ptx") if assembly is not None else None
    cubin = assembly.get("cubin") if assembly is not None else None
    path = None
    if cubin:
        folder = os.path.join(dump, "cubin")
        os.makedirs(folder, exist_ok=True)
        taken = len([file for file in os.listdir(folder) if file.startswith(name + ".")])
        file_name = f"{name}.cubin" if not taken else f"{name}.{taken}.cubin"
        with open(os.path.join(folder, file_name), "wb") as file:
            file.write(cubin)
        path = f"inductor_dump/cubin/{file_name}"
    return {"ptx": ptx, "cubin": path}


def _simd():
    try:
        try:
            from torch._inductor.cpu_vec_isa import pick_vec_isa
        except ImportError:  # before 2.5
            from torch._inductor.codecache import pick_vec_isa
        return str(pick_vec_isa()) or "none"
    except Exception:
        return "unknown"
