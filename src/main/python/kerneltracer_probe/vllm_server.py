"""vLLM's own server for a load: its command line is made and checked here, then this process becomes the server."""

import contextlib
import difflib
import importlib
import importlib.util
import io
import json
import os
import runpy
import sys

from . import configuration, models, vllm_engine
from .report import JobError, event, note, phase
from .tracers import vllm_profiler
from .vllm_names import fields, member, variable
from .vllm_worker import ANNOTATING_EXTENSION

# The module that `python -m` starts; the other is what `vllm serve` is.
_SERVER = "vllm.entrypoints.openai.api_server"
_COMMAND = "vllm.entrypoints.cli.main"
_PARSERS = ("vllm.entrypoints.openai.cli_args", "vllm.entrypoints.launchers.cli_args")
# What only `vllm serve` does: several processes that answer.
_OF_THE_COMMAND = ("--api-server-count", "-asc", "--headless", "--data-parallel-size", "-dp")
_OWN = ("--host", "--port", "--model", "--profiler-config")


def run(spec, directory):
    phase("importing")
    vllm_engine.prepare_server_environment()
    import vllm

    phase("configuring")
    plan = Plan(spec, directory)
    event(
        "serving",
        vllm=vllm.__version__,
        device=plan.device,
        model=plan.path,
        command=plan.command,
        cuda_graphs=plan.device != "cpu" and not plan.eager,
        eager=plan.eager,
        profiler=plan.profiler,
        max_iterations=plan.max_iterations,
        tokenizer=plan.tokenizer,
        vocabulary=plan.vocabulary,
        trust_remote_code=spec["trust_remote_code"],
    )
    print(f"vLLM {vllm.__version__}: {' '.join(plan.command)}", flush=True)
    phase("starting")
    sys.argv = plan.command
    runpy.run_module(plan.module, run_name="__main__", alter_sys=True)


class Plan:
    """The server's command line."""

    def __init__(self, spec, directory):
        from vllm.engine.arg_utils import AsyncEngineArgs

        self.spec, self.directory = spec, directory
        self.known = fields(AsyncEngineArgs)
        self.device = vllm_engine.device(spec["device"])
        self.config = configuration.load(spec)
        self.path = vllm_engine.model_directory(spec, self.config, directory)
        self.profiler = "none"
        self.max_iterations = 0
        self.words = []
        wanted = [text for name, value in spec["engine"]["arguments"] for text in _words(name, value)]
        self.given = wanted + spec["server"]["words"]
        random = spec["weights"] == "random"
        self.tokenizer = vllm_engine.has_tokenizer(self.path)
        self.vocabulary = int(getattr(self.config.get_text_config(), "vocab_size", 0) or 0)
        self._put("load_format", "dummy" if random else "auto")
        if not self.tokenizer:
            self._put("skip_tokenizer_init", True)
        self._put("seed", spec["seed"])
        if spec["trust_remote_code"]:
            self._put("trust_remote_code", True)
        self._put("dtype", vllm_engine.dtype(spec, self.config, self.device))
        settings = spec["engine"]
        for name in ("tensor_parallel_size", "max_model_len", "gpu_memory_utilization"):
            if settings[name] is not None:
                self._put(name, settings[name])
        if self.device == "cpu":
            self._for_cpu(settings)
        if settings["enforce_eager"]:
            self._put("enforce_eager", True)
        self.eager = settings["enforce_eager"] or "--enforce-eager" in self.given
        if spec["server"]["profile"] is not None:
            self._profile(spec["server"]["profile"])
        self._command(random)
        self._check()

    def _put(self, name, value):
        """An argument of our own, unless the user gave it or this version does not have it."""
        option = "--" + name.replace("_", "-")
        given = any(word.split("=")[0].replace("_", "-") == option for word in self.given)
        if member("EngineArgs", name) in self.known and not given:
            self.words += _words(name, value)

    def _for_cpu(self, settings):
        space = variable("VLLM_CPU_KVCACHE_SPACE")
        if space not in os.environ and settings["gpu_memory_utilization"] is None:
            # vLLM would take nearly all memory of the machine for its KV cache.
            free = models.free_bytes("cpu") or (4 << 30)
            os.environ[space] = str(max(1, min(8, (free >> 30) // 4)))
        longest = models.longest(self.config)
        if settings["max_model_len"] is None and (longest is None or longest > 8192):
            # The KV cache must hold the longest sequence.
            self._put("max_model_len", 8192)

    def _profile(self, wanted):
        """Switches the profiler on, the way the installed version takes it; it records nothing until it is told to."""
        folder = wanted["directory"]
        os.makedirs(folder, exist_ok=True)
        settings = {"record_shapes": wanted["record_shapes"], "with_stack": wanted["with_stack"]}
        if member("EngineArgs", "profiler_config") in self.known:
            found = vllm_profiler.configuration(settings, folder)
            known = vllm_profiler.known()
            for name, value in (("ignore_frontend", True), ("max_iterations", wanted["max_iterations"])):
                if member("ProfilerConfig", name) in known:
                    found[name] = value
            self.max_iterations = found.get("max_iterations", 0)
            self.words += ["--profiler-config", json.dumps(found)]
            self.profiler = "profiler_config"
        else:
            vllm_profiler.set_variables(settings, folder)
            self.profiler = "environment"
        if not vllm_profiler.annotates_steps():
            self._put("worker_extension_cls", ANNOTATING_EXTENSION)

    def _command(self, random):
        server = self.spec["server"]
        name = self.spec["server"]["name"]
        self.words += ["--host", server["host"], "--port", str(server["port"])]
        if not any(word.split("=")[0] == "--served-model-name" for word in self.given):
            self.words += ["--served-model-name", name]
        several = any(word.split("=")[0] in _OF_THE_COMMAND for word in self.given)
        if several or importlib.util.find_spec(_SERVER) is None:
            self.module, self.command = _COMMAND, ["vllm", "serve", self.path, *self.words, *self.given]
        else:
            self.module, self.command = _SERVER, [_SERVER, "--model", self.path, *self.words, *self.given]

    def _check(self):
        """Refuses what the installed version's parser does not take, in one line."""
        import vllm

        parser = _parser()
        if parser is None:
            note(f"vLLM {vllm.__version__}: its arguments cannot be checked beforehand")
            return
        known = {name for name in parser._option_string_actions if name.startswith("--")}
        for word in self.given:
            option = word.split("=")[0].split(".")[0].replace("_", "-")
            if not word.startswith("--") or option in known:
                continue
            close = difflib.get_close_matches(option, sorted(known), n=3, cutoff=0.5)
            raise JobError(
                "usage",
                f"{option}: vLLM {vllm.__version__} has no such argument."
                + (f" The nearest: {', '.join(close)}." if close else ""),
            )
        for word in self.given:
            if word.split("=")[0].split(".")[0] in _OWN:
                raise JobError("usage", f"{word.split('=')[0]} is set by KernelTracer itself; see --help.")
        told = io.StringIO()
        try:
            with contextlib.redirect_stderr(told):
                parser.parse_args(["--model", self.path, *self.words, *self.given])
        except SystemExit as error:
            last = [line for line in told.getvalue().splitlines() if "error:" in line]
            reason = last[-1].partition("error:")[2].strip() if last else "its parser says no more"
            raise JobError("usage", f"vLLM {vllm.__version__} refuses these arguments: {reason}") from error


def _parser():
    for name in _PARSERS:
        try:
            module = importlib.import_module(name)
            return module.make_arg_parser(module.FlexibleArgumentParser())
        except (ImportError, AttributeError):
            pass
    return None


def _words(name, value):
    """An argument as the command line has it."""
    option = "--" + name.replace("_", "-")
    if value is True:
        return [option]
    if value is False:
        return ["--no-" + name.replace("_", "-")]
    if isinstance(value, list):
        return [option, *map(str, value)]
    if value is None:
        return []
    return [option, value if isinstance(value, str) else json.dumps(value)]
