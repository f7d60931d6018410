"""vLLM's offline engine for a job: what the installed version accepts is asked of it."""

import difflib
import json
import math
import os
import re
import subprocess
import sys
import traceback

from . import configuration, models, supervisor
from .report import JobError, event, note
from .vllm_names import fields, member, of, owner, variable
from .vllm_worker import EXTENSION

_GIB = 1 << 30
# On a CPU the engine takes memory for the longest sequence from everybody: as long as this without --max-model-len.
_CPU_MODEL_LEN = 2048
_CPU_KV_TOKENS = 16384


def prepare_environment():
    """Before vLLM is imported. The engine's core runs in this process unless the user wants otherwise: all
    prompts are there when its first step begins, so that steps are the same in every run, and its errors
    arrive as they were raised."""
    os.environ.setdefault(variable("VLLM_ENABLE_V1_MULTIPROCESSING"), "0")
    prepare_server_environment()


def prepare_server_environment():
    """Before vLLM is imported, also where it serves."""
    os.environ.setdefault(variable("VLLM_NO_USAGE_STATS"), "1")
    mark = os.environ.get("KERNELTRACER_MARK")
    if mark is not None and variable("VLLM_RPC_BASE_PATH") not in os.environ:
        # vLLM leaves its sockets where they are: the supervisor removes this directory.
        sockets = supervisor.scratch(mark)
        os.makedirs(sockets, mode=0o700, exist_ok=True)
        os.environ[variable("VLLM_RPC_BASE_PATH")] = sockets


class Plan:
    """What an engine is to be made of, checked before anything is loaded."""

    def __init__(self, spec, directory):
        from vllm import EngineArgs

        self.spec, self.directory = spec, directory
        self.settings = spec["engine"]
        self.known = fields(EngineArgs)
        self.device = device(spec["device"])
        self.config = configuration.load(spec)
        self.path = model_directory(spec, self.config, directory)
        self.prompts = self._prompts()
        self.arguments = {}
        self._defaults()
        self._of_the_user()
        if self.device == "cpu":
            self._bind_cpu_workers()
        self.model_config = self._model_config()
        self._check_length()
        self._check_memory()

    def _prompts(self):
        ids, _ = models.prompt_inputs(self.spec, self.config, "cpu")
        event("prompt", batch=ids.shape[0], tokens=ids.shape[1])
        return ids.tolist()

    def _put(self, name, value):
        """An argument of our own: where the installed version does not have it, its own way holds."""
        if member("EngineArgs", name) in self.known:
            self.arguments[name] = value

    def _defaults(self):
        spec, settings = self.spec, self.settings
        prompt = len(self.prompts[0])
        random = spec["weights"] == "random"
        self._put("model", self.path)
        self._put("load_format", "dummy" if random else "auto")
        self._put("skip_tokenizer_init", random or not has_tokenizer(self.path))
        self._put("seed", spec["seed"])
        self._put("trust_remote_code", spec["trust_remote_code"])
        self._put("dtype", dtype(spec, self.config, self.device))
        self._put("tensor_parallel_size", settings["tensor_parallel_size"] or 1)
        if settings["enforce_eager"]:
            self._put("enforce_eager", True)
        if settings["max_model_len"] is not None:
            self._put("max_model_len", settings["max_model_len"])
        elif self.device == "cpu":
            longest = models.longest(self.config) or _CPU_MODEL_LEN
            self._put("max_model_len", min(longest, max(_CPU_MODEL_LEN, prompt + spec["new_tokens"])))
        if settings["gpu_memory_utilization"] is not None:
            self._put("gpu_memory_utilization", settings["gpu_memory_utilization"])
        # The recorded run repeats the prompts of the warm-up: its prefill must not come out of a cache.
        self._put("enable_prefix_caching", False)
        tokens = len(self.prompts) * prompt
        if tokens > 2048:
            # One prefill, not one in chunks.
            self._put("max_num_batched_tokens", max(8192, tokens))
        if len(self.prompts) > 128:
            self._put("max_num_seqs", len(self.prompts))
        self._put("worker_extension_cls", EXTENSION)

    def _of_the_user(self):
        if self.spec["attn_implementation"]:
            raise JobError(
                "usage",
                "--attn-implementation is Transformers' own; vLLM takes --engine-arg attention_backend=NAME "
                "or the variable VLLM_ATTENTION_BACKEND.",
            )
        for name, value in self.settings["arguments"]:
            if name not in self.known:
                import vllm

                close = difflib.get_close_matches(name, sorted(self.known), n=3, cutoff=0.5)
                raise JobError(
                    "usage",
                    f"--engine-arg {name}: vLLM {vllm.__version__} has no engine argument '{name}'."
                    + (f" The nearest: {', '.join(close)}." if close else ""),
                )
            self.arguments[name] = value

    def require(self, name, value, who):
        """An argument that a tracer cannot do without."""
        wanted = [given for given, _ in self.settings["arguments"] if given == name]
        if wanted and self.arguments[name] != value:
            raise JobError("usage", f"--engine-arg {name} does not go with {who}, which sets it itself.")
        self.arguments[name] = value

    @property
    def extended(self):
        """Whether the workers have the methods of KernelTracerWorker."""
        return self.arguments.get("worker_extension_cls") == EXTENSION

    @property
    def ranks(self):
        return int(self.arguments.get("tensor_parallel_size") or 1)

    def _model_config(self):
        """The installed version's view of the model, by which it knows the architecture or does not."""
        import vllm
        from vllm import EngineArgs, ModelRegistry

        names = getattr(self.config, "architectures", None) or []
        supported = of(ModelRegistry, "_ModelRegistry", "get_supported_archs")()
        try:
            found = of(EngineArgs(**self.arguments), "EngineArgs", "create_model_config")()
        except JobError:
            raise
        except Exception as error:
            text = _plain(error)
            if names and not any(name in supported for name in names):
                close = difflib.get_close_matches(names[0], sorted(supported), n=3, cutoff=0.6)
                raise JobError(
                    "unsupported_model",
                    f"vLLM {vllm.__version__} does not know the architecture {names[0]}."
                    + (f" The nearest that it knows: {', '.join(close)}." if close else "")
                    + " Transformers may run it: --framework huggingface.",
                ) from error
            kind = "usage" if self.settings["arguments"] or isinstance(error, TypeError) else "failed"
            raise JobError(kind, f"vLLM {vllm.__version__} refuses this configuration: {text}") from error
        runner = of(found, "ModelConfig", "runner_type")
        if runner != "generate":
            raise JobError(
                "unsupported_model",
                f"vLLM {vllm.__version__} runs {', '.join(names)} as a {runner} model, which generates no tokens. "
                "Transformers runs its forward pass: --framework huggingface.",
            )
        if names and not any(name in supported for name in names):
            note(f"vLLM {vllm.__version__} has no {names[0]} of its own and runs Transformers' code")
        return found

    def _check_length(self):
        longest = of(self.model_config, "ModelConfig", "max_model_len")
        asked = len(self.prompts[0]) + self.spec["new_tokens"]
        if asked > longest:
            raise JobError(
                "usage",
                f"{asked} tokens are asked for (prompt and output) but the engine takes {longest}: raise "
                "--max-model-len, or fewer --prompt-tokens or --new-tokens.",
            )

    def _check_memory(self):
        """Weights and the KV cache of the longest sequence must fit into what the engine may take."""
        longest = of(self.model_config, "ModelConfig", "max_model_len")
        dtype = of(self.model_config, "ModelConfig", "dtype")
        parts, parameters = models.engine_bytes(self.spec, self.config, dtype, self.path, longest)
        self.parameters = parameters
        if self.device == "cpu":
            self._cpu_cache(parts["kv_cache"])
        ranks = 1 if self.device == "cpu" else self.ranks
        needed = sum(parts.values()) // ranks
        free, total = self._memory()
        sizes = {f"{key}_bytes": size for key, size in parts.items()}
        event("estimate", parameters=parameters, free_bytes=free, **sizes)
        if not self.spec["memory_check"] or free is None:
            return
        what = (
            f"weights {parts['weights'] / _GIB:.1f} GiB"
            + ("" if parameters is None else f" ({parameters / 1e9:.2f} B parameters)")
            + f", KV cache of {longest} tokens {parts['kv_cache'] / _GIB:.1f} GiB, activations "
            f"{parts['activations'] / _GIB:.1f} GiB" + (f", over {ranks} GPUs" if ranks > 1 else "")
        )
        hint = (
            "Use --max-model-len, --tiny, --set num_hidden_layers=N or --tensor-parallel-size; "
            "--no-memory-check tries all the same."
        )
        if self.device == "cpu":
            if needed > free:
                raise JobError(
                    "failed", f"needs {needed / _GIB:.1f} GiB but {free / _GIB:.1f} GiB are free: {what}. {hint}"
                )
            return
        share = self.arguments.get("gpu_memory_utilization") or _default("gpu_memory_utilization")
        allowed = total * share
        if needed > allowed:
            raise JobError(
                "failed",
                f"needs {needed / _GIB:.1f} GiB on each GPU but may take {allowed / _GIB:.1f} GiB "
                f"(--gpu-memory-utilization {share:g} of {total / _GIB:.1f} GiB): {what}. {hint}",
            )
        if allowed > free and not self.arguments.get(member("EngineArgs", "kv_cache_memory_bytes")):
            raise JobError(
                "failed",
                f"vLLM wants {allowed / _GIB:.1f} GiB free on each GPU (--gpu-memory-utilization {share:g}) but "
                f"{free / _GIB:.1f} GiB are: another process uses the GPU. Use a smaller --gpu-memory-utilization.",
            )

    def _bind_cpu_workers(self):
        """vLLM gives each worker a memory node of its own and refuses more workers than nodes: they share the
        cores instead."""
        name = variable("VLLM_CPU_OMP_THREADS_BIND")
        if self.ranks == 1 or name in os.environ:
            return
        cores = sorted(os.sched_getaffinity(0))
        parts = [cores[rank :: self.ranks] or cores[rank % len(cores) :][:1] for rank in range(self.ranks)]
        os.environ[name] = "|".join(",".join(map(str, part)) for part in parts)

    def _cpu_cache(self, longest_bytes):
        """vLLM would take nearly all memory of the machine for its KV cache: enough for this job will do."""
        name = variable("VLLM_CPU_KVCACHE_SPACE")
        if name in os.environ or any(
            self.arguments.get(argument) is not None for argument in ("gpu_memory_utilization", "kv_cache_memory_bytes")
        ):
            return
        per_token = longest_bytes / max(1, of(self.model_config, "ModelConfig", "max_model_len"))
        tokens = len(self.prompts) * (len(self.prompts[0]) + self.spec["new_tokens"])
        wanted = max(1.25 * longest_bytes, per_token * max(tokens * 2, _CPU_KV_TOKENS))
        os.environ[name] = str(max(1, math.ceil(wanted / _GIB)))

    def _memory(self):
        """(free, total) bytes: of the fullest GPU that the engine will use, or of the host."""
        if self.device == "cpu":
            return models.free_bytes("cpu"), None
        # In a process of its own: a GPU once touched here could not be used after a fork.
        script = "import sys, torch\nfor i in range(int(sys.argv[1])): print(*torch.cuda.mem_get_info(i))"
        try:
            answer = subprocess.run(
                [sys.executable, "-c", script, str(self.ranks)], capture_output=True, text=True, timeout=120
            )
            rows = [tuple(map(int, line.split())) for line in answer.stdout.splitlines() if line.strip()]
        except (OSError, ValueError, subprocess.TimeoutExpired):
            rows = []
        return min(rows, default=(None, None))


def _default(name):
    import dataclasses

    from vllm import EngineArgs

    return next(field.default for field in dataclasses.fields(EngineArgs) if field.name == member("EngineArgs", name))


def model_directory(spec, config, directory):
    """Where config.json lies: the model's own directory, or one below `directory` for a changed one."""
    if spec["model"]["kind"] != "type" and not spec["tiny"] and not spec["set"]:
        return spec["model"]["path"]
    if not getattr(config, "architectures", None):
        config.architectures = [_architecture(config)]
    path = os.path.join(directory, "model")
    os.makedirs(path, exist_ok=True)
    # Not save_pretrained(): it refuses some configurations that models run with all the same.
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
        file.write(config.to_json_string(use_diff=False))
    return path


def dtype(spec, config, device):
    declared = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    if spec["dtype"] != "auto":
        return spec["dtype"]
    if device == "cpu":
        # vLLM's own choice for float32 is bfloat16, which many a CPU computes slowly or not at all.
        return "float32" if str(declared).removeprefix("torch.") in ("None", "float32") else "auto"
    return "bfloat16" if declared is None else "auto"


def device(wanted):
    """`cpu` or `cuda`: what the installed vLLM was built for."""
    import vllm
    from vllm.platforms import current_platform

    built = "cpu" if current_platform.is_cpu() else "cuda"
    if wanted not in ("auto", built):
        raise JobError("environment", f"--device {wanted}: this vLLM {vllm.__version__} runs on {built}.")
    return built


def _architecture(config):
    """The class that Transformers has for a model type, the way its own checkpoints name it."""
    from transformers.models.auto import modeling_auto as auto

    names = ["CAUSAL_LM", "IMAGE_TEXT_TO_TEXT"]
    if getattr(config, "is_encoder_decoder", False):
        names.insert(0, "SEQ_TO_SEQ_CAUSAL_LM")
    if not getattr(config, "is_decoder", False):
        # An encoder's, also where Transformers can make a decoder of it.
        names.insert(0, "MASKED_LM")
    for mapping in (*(f"MODEL_FOR_{name}_MAPPING_NAMES" for name in names), "MODEL_MAPPING_NAMES"):
        found = dict(getattr(auto, mapping, {})).get(config.model_type)
        if found:
            return found if isinstance(found, str) else found[0]
    raise JobError("unsupported_model", f"Transformers has no language model for the type '{config.model_type}'.")


def has_tokenizer(path):
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "tiktoken.model")
    return any(os.path.exists(os.path.join(path, name)) for name in names)


def _plain(error):
    """The message of an exception; of pydantic's, what it says without its frame."""
    errors = getattr(error, "errors", None)
    if callable(errors):
        try:
            return "; ".join(str(item.get("msg", "")).removeprefix("Value error, ") for item in errors())[:1500]
        except Exception:
            pass
    return (str(error).strip() or type(error).__name__)[:1500]


def _of_the_configuration(error):
    """Whether it was raised while arguments became a configuration, before anything was loaded."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any(name.endswith("engine/arg_utils.py") or "/vllm/config/" in name for name in files)


class Engine:
    """The running engine: `run()` generates once for all prompts."""

    def __init__(self, plan):
        from vllm import LLM, SamplingParams

        self.plan, self.spec = plan, plan.spec
        try:
            with _causes(plan.directory):
                self._llm = LLM(**plan.arguments)
        except (TypeError, ValueError, AttributeError) as error:
            if plan.settings["arguments"] and _of_the_configuration(error):
                names = ", ".join(name for name, _ in plan.settings["arguments"])
                raise JobError("usage", f"vLLM refuses --engine-arg ({names}): {_plain(error)}") from error
            raise
        sampling = {
            "ignore_eos": True,
            "temperature": 0.0,
            # Words for made-up tokens are nobody's need, and without a tokenizer there are none.
            "detokenize": not plan.arguments.get("skip_tokenizer_init", False),
        }
        if self.spec["temperature"] is not None or self.spec["top_p"] is not None:
            sampling["temperature"] = self.spec["temperature"] or 1.0
            sampling["top_p"] = self.spec["top_p"] or 1.0
            sampling["seed"] = self.spec["seed"]
        self._sampling_class, self._sampling = SamplingParams, sampling
        self._describe()

    def _describe(self):
        ranks = self.rpc("kerneltracer_describe") if self.plan.extended else []
        first = ranks[0] if ranks else {}
        parameters = self.plan.parameters
        if parameters is None and ranks:
            parameters = sum(rank["parameters"] for rank in ranks)
        event(
            "model",
            model_class=first.get("model_class", (getattr(self.plan.config, "architectures", None) or [""])[0]),
            parameters=parameters or 0,
            dtype=str(of(self.plan.model_config, "ModelConfig", "dtype")).removeprefix("torch."),
            device=self.plan.device,
            run="generate",
            attention=first.get("attention", ""),
            runner=first.get("runner", ""),
            ranks=max(1, len(ranks)),
        )
        event("workers", pids=[rank["pid"] for rank in ranks])

    def rpc(self, method, *arguments):
        """What a method of KernelTracerWorker returns in each worker, by rank."""
        with _causes(self.plan.directory):
            return of(self._llm, "LLM", "collective_rpc")(method, args=arguments)

    def run(self):
        self.generate(self.plan.prompts, self.spec["new_tokens"])

    def generate(self, prompts, tokens, **more):
        """Generates so many tokens for each prompt; `more` are further sampling parameters."""
        wanted = {"max_tokens": tokens, **self._sampling, **more}
        sampling = self._sampling_class(**{member("SamplingParams", name): value for name, value in wanted.items()})
        prompts = [{"prompt_token_ids": ids} for ids in prompts]
        with _causes(self.plan.directory):
            outputs = of(self._llm, "LLM", "generate")(prompts, sampling, use_tqdm=False)
        lengths = {len(output.outputs[0].token_ids) for output in outputs}
        if lengths != {tokens}:
            raise JobError("failed", f"vLLM generated {sorted(lengths)} tokens instead of {self.spec['new_tokens']}.")

    def start_profile(self):
        with _causes(self.plan.directory):
            of(self._llm, "LLM", "start_profile")()

    def stop_profile(self):
        with _causes(self.plan.directory):
            of(self._llm, "LLM", "stop_profile")()

    def peak_gpu_bytes(self):
        if not self.plan.extended or self.plan.device == "cpu":
            return 0
        return sum(self.rpc("kerneltracer_peak_gpu_bytes"))

    def shutdown(self):
        """Ends the workers; what does not end is the supervisor's."""
        core = of(of(self._llm, "LLM", "llm_engine"), "LLMEngine", "engine_core")
        of(core, "EngineCoreClient", "shutdown")()


class _causes:
    """Turns what vLLM says of an engine that ended elsewhere into what happened there."""

    _LINE = re.compile(r"((?:\w+\.)*\w*(?:Error|Exception|OutOfMemory\w*)): (.*)")
    _FRAMES = ("Engine core initialization failed", "WorkerProc initialization failed", "See stack trace", "root cause")
    _MEMORY = (
        "Free memory on device",
        "No available memory for the cache blocks",
        "is larger than the available KV cache",
    )

    def __init__(self, directory):
        self._log = os.path.join(directory, "job.log")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _frames):
        if error is None or isinstance(error, JobError) or not isinstance(error, Exception):
            return
        text = str(error)
        dead = kind.__name__ == owner("EngineDeadError") or "died unexpectedly" in text or "Executor failed" in text
        if dead or any(frame in text for frame in self._FRAMES) or text.endswith("cancelled"):
            cause = self._cause()
            memory = "OutOfMemory" in cause or "CUDA out of memory" in cause
            dead = dead or not cause or "died unexpectedly" in cause
            outcome = "out_of_gpu_memory" if memory else "crashed" if dead else "failed"
            raise JobError(outcome, f"vLLM's engine died: {cause or text or 'no word why'}"[:1500]) from error
        if any(words in text for words in self._MEMORY):
            raise JobError("out_of_gpu_memory", text) from error

    def _cause(self):
        """The first error that a process of the engine logged."""
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                lines = [line for line in file if re.search(r"(^|[ )])ERROR ", line)]
        except OSError:
            return ""
        for line in lines:
            if "died unexpectedly" in line:
                return line.split("]", 1)[-1].partition(", shutting down")[0].strip()
            found = self._LINE.search(line)
            if found and found.group(2).strip() != "cancelled" and not any(frame in line for frame in self._FRAMES):
                return f"{found.group(1)}: {found.group(2).strip()}"
        return ""


def shown(arguments):
    """The engine's arguments for the log."""
    return json.dumps(arguments, default=str, sort_keys=True)
