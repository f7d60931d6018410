"""The probe around vLLM's own classes of CUDA graphs, on a machine without a GPU: check_watch_graphs.py DIR.

Dispatcher, wrappers, graph manager and forward context are the installed vLLM's. A class that counts stands in for
torch's CUDAGraph, which needs a device, and functions for the model. Both model runners' ways are gone."""

import contextlib
import dataclasses
import json
import os
import sys
import types

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../main/python")
sys.path.insert(0, ROOT)
os.environ["VLLM_PROFILING_DIR"] = sys.argv[1]
os.environ.pop("KERNELTRACER_WATCH_JOINED", None)

import torch  # noqa: E402
from kerneltracer_watch import plugin, probe, worker_hooks  # noqa: E402

SIZES = [1, 2, 4, 8, 16]
PIECES = 3
calls = {"begin": 0, "end": 0, "replay": 0}


class Graph:
    def capture_begin(self, pool=None, **more):
        calls["begin"] += 1

    def capture_end(self):
        calls["end"] += 1

    def replay(self):
        calls["replay"] += 1


@contextlib.contextmanager
def capturing(graph, pool=None, stream=None, **more):
    graph.capture_begin(pool=pool)
    yield
    graph.capture_end()


torch.cuda.CUDAGraph = torch.cuda.graphs.CUDAGraph = Graph
torch.cuda.graph = capturing
plugin.register()

from vllm.compilation import cuda_graph  # noqa: E402
from vllm.config import CompilationConfig, CUDAGraphMode, VllmConfig  # noqa: E402
from vllm.forward_context import BatchDescriptor, get_forward_context, set_forward_context  # noqa: E402
from vllm.platforms import current_platform  # noqa: E402
from vllm.v1.cudagraph_dispatcher import CudagraphDispatcher  # noqa: E402
from vllm.v1.worker import gpu_model_runner  # noqa: E402

type(current_platform)._global_graph_pool = object()
cuda_graph.set_graph_pool_id = lambda pool: None
cuda_graph.current_stream = lambda: None
cuda_graph.weak_ref_tensors = lambda tensors: tensors


def configuration():
    config = VllmConfig(compilation_config=CompilationConfig(mode=0))
    compilation = config.compilation_config
    compilation.mode = 3
    compilation.cudagraph_mode = CUDAGraphMode.FULL_AND_PIECEWISE
    compilation.cudagraph_capture_sizes = list(SIZES)
    compilation.max_cudagraph_capture_size = SIZES[-1]
    compilation.splitting_ops = list(compilation._attention_ops)
    config.scheduler_config.max_num_seqs = 8
    # The hooks ask for this one alone of a model's configuration.
    config.model_config = types.SimpleNamespace(enforce_eager=False)
    return config


@dataclasses.dataclass
class Output:
    """What is looked at of vLLM's SchedulerOutput."""

    num_scheduled_tokens: dict
    scheduled_new_reqs: list = dataclasses.field(default_factory=list)
    scheduled_spec_decode_tokens: dict = dataclasses.field(default_factory=dict)
    finished_req_ids: set = dataclasses.field(default_factory=set)

    @property
    def total_num_scheduled_tokens(self):
        return sum(self.num_scheduled_tokens.values())

    @property
    def scheduled_cached_reqs(self):
        return types.SimpleNamespace(resumed_req_ids=set(), req_ids=[])


def decode(requests):
    return Output({f"request-{number}": 1 for number in range(requests)})


def prefill(tokens):
    new = types.SimpleNamespace(req_id="new", prompt_token_ids=[0] * tokens, num_computed_tokens=0)
    return Output({"new": tokens}, [new])


class FirstRunner:
    """The part of the first model runner's execute_model that decides on graphs."""

    def __init__(self, config):
        self.vllm_config = config
        self.dispatcher = CudagraphDispatcher(config)
        self.dispatcher.initialize_cudagraph_keys(CUDAGraphMode.FULL_AND_PIECEWISE, 1)
        self.pieces = [
            cuda_graph.CUDAGraphWrapper(lambda: calls, config, CUDAGraphMode.PIECEWISE) for _ in range(PIECES)
        ]
        self.whole = cuda_graph.CUDAGraphWrapper(self.forward, config, CUDAGraphMode.FULL)

    def forward(self):
        for piece in self.pieces:
            piece()

    def capture(self):
        for mode, descriptors in self.dispatcher.get_capture_descs():
            for descriptor in descriptors:
                # As vLLM does: a warm-up, then the capture.
                for now in (CUDAGraphMode.NONE, mode):
                    with set_forward_context(
                        None,
                        self.vllm_config,
                        num_tokens=descriptor.num_tokens,
                        cudagraph_runtime_mode=now,
                        batch_descriptor=descriptor,
                    ):
                        self.whole()

    def execute_model(self, output):
        tokens = output.total_num_scheduled_tokens
        uniform = tokens == len(output.num_scheduled_tokens)
        mode, descriptor = self.dispatcher.dispatch(num_tokens=tokens, uniform_decode=uniform)
        # By the name in the runner's module, where the hook stands.
        with gpu_model_runner.set_forward_context(
            None,
            self.vllm_config,
            num_tokens=descriptor.num_tokens,
            cudagraph_runtime_mode=mode,
            batch_descriptor=descriptor,
        ):
            self.whole()
        return mode, descriptor


FirstRunner.execute_model = worker_hooks._around_execute_model(FirstRunner.execute_model)
FirstRunner.capture = worker_hooks._around_capture_model(FirstRunner.capture)


def second_runner(config):
    from vllm.v1.worker.gpu import cudagraph_utils as graphs

    graphs.graph_capture = lambda device: contextlib.nullcontext()
    graphs.is_global_first_rank = lambda: False
    graphs.get_pp_group = lambda: types.SimpleNamespace(is_first_rank=True, is_last_rank=True)
    graphs.set_graph_pool_id = lambda pool: None
    graphs.current_stream = lambda: None
    manager = graphs.CudaGraphManager(config, torch.device("cpu"), CUDAGraphMode.FULL_AND_PIECEWISE, 1)
    piece = cuda_graph.CUDAGraphWrapper(lambda: calls, config, CUDAGraphMode.PIECEWISE)

    def create(descriptor, warmup):
        def forward(mode):
            with set_forward_context(
                None,
                config,
                num_tokens=descriptor.num_tokens,
                cudagraph_runtime_mode=mode,
                batch_descriptor=BatchDescriptor(descriptor.num_tokens) if mode != CUDAGraphMode.NONE else None,
            ):
                piece()

        return forward

    class SecondRunner:
        vllm_config = config

        def execute_model(self, output):
            tokens, requests = output.total_num_scheduled_tokens, len(output.num_scheduled_tokens)
            uniform = 1 if tokens == requests else None
            descriptor = manager.dispatch(requests, tokens, uniform, 0, tokens // requests)
            if descriptor.cg_mode == CUDAGraphMode.FULL:
                manager.run_fullgraph(descriptor)
            else:
                with gpu_model_runner.set_forward_context(
                    None,
                    config,
                    num_tokens=descriptor.num_tokens,
                    cudagraph_runtime_mode=descriptor.cg_mode,
                    batch_descriptor=BatchDescriptor(descriptor.num_tokens),
                ):
                    manager.run_pw_graph(lambda: piece(), {})
            return descriptor.cg_mode, descriptor

    SecondRunner.execute_model = worker_hooks._around_execute_model(SecondRunner.execute_model)
    return manager, create, SecondRunner()


def written():
    path = probe.PROBE.file.path
    probe.PROBE.file.close()
    with open(path, encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    assert not [line for line in found if line["event"] == "problem"], found
    probe.PROBE.open_file()
    return [line for line in found if line["event"] == "capture"], [
        line for line in found if line["event"] == "forward"
    ]


def check_captures(captures, pieces, full):
    by_mode = {"PIECEWISE": [], "FULL": []}
    for line in captures:
        by_mode[line["mode"]].append(line["descriptor"]["num_tokens"])
        assert line["graphs"] == (pieces if line["mode"] == "PIECEWISE" else 1), line
        assert line["seconds"] >= 0 and not line["again"], line
        assert line["descriptor"]["uniform"] == (line["mode"] == "FULL"), line
    assert sorted(by_mode["PIECEWISE"]) == SIZES, by_mode
    assert sorted(by_mode["FULL"]) == full, by_mode


STEPS = [(decode(3), "FULL", 4), (decode(1), "FULL", 1), (prefill(5), "PIECEWISE", 8), (prefill(16), "PIECEWISE", 16)]
STEPS += [(prefill(40), "NONE", 40), (decode(3), "FULL", 4)]


def check_forwards(forwards, pieces, captured):
    assert len(forwards) == len(STEPS), forwards
    for line, (output, mode, padded) in zip(forwards, STEPS, strict=True):
        tokens = output.total_num_scheduled_tokens
        assert (line["mode"], line["tokens"], line["padded_tokens"]) == (mode, tokens, padded), line
        assert line["replays"] == {"FULL": 1, "PIECEWISE": pieces, "NONE": 0}[mode], line
        assert line["eager_reason"] == (None if mode != "NONE" else "batch_too_large"), line
        assert line["phase"] == ("prefill" if output.scheduled_new_reqs else "decode"), line
        if mode == "NONE":
            assert line["descriptor"] is None
        else:
            assert (mode, line["descriptor"]) in captured, (line, captured)


def both_modes_of_the_first_runner():
    runner = FirstRunner(configuration())
    runner.capture()
    for output, _, _ in STEPS:
        runner.execute_model(output)
    captures, forwards = written()
    check_captures(captures, PIECES, [1, 2, 4, 8])
    check_forwards(forwards, PIECES, [(line["mode"], line["descriptor"]) for line in captures])


def both_modes_of_the_second_runner():
    manager, create, runner = second_runner(configuration())
    manager.capture(create)
    for output, _, _ in STEPS:
        runner.execute_model(output)
    captures, forwards = written()
    check_captures(captures, 1, [1, 2, 4, 8])
    check_forwards(forwards, 1, [(line["mode"], line["descriptor"]) for line in captures])


if __name__ == "__main__":
    assert get_forward_context
    both_modes_of_the_first_runner()
    worker_hooks.WORKER.captured.clear()
    both_modes_of_the_second_runner()
    assert calls["begin"] == calls["end"] > 0 and calls["replay"] == 3 + 2 * PIECES + 3 + 2, calls
    print("captures, replays and eager forwards are as vLLM made them", calls)
