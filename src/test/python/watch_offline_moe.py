"""An offline vLLM with a mixture of experts, its engine in this process and its worker forked from it:
watch_offline_moe.py MODEL. Run under `watch` while a server runs; checks its own session, and loses it."""

import json
import os
import shutil
import sys
import time

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
LIMIT_SECONDS = 480


def events(session):
    for name in os.listdir(os.path.join(session, "events")):
        with open(os.path.join(session, "events", name), encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.endswith("\n"))


def of(kind, session):
    return [event for event in events(session) if event["event"] == kind]


def until(condition, what):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def main():
    from vllm import LLM, SamplingParams

    engine = LLM(
        model=sys.argv[1],
        load_format="dummy",
        skip_tokenizer_init=True,
        dtype="float32",
        enforce_eager=True,
        max_model_len=256,
        max_num_seqs=4,
        block_size=32,
        num_gpu_blocks_override=40,
    )
    session = os.environ["KERNELTRACER_WATCH_JOINED"]
    assert session != os.environ["KERNELTRACER_WATCH_SESSION"], "another server's session was there already"
    prompts = [{"prompt_token_ids": [7 * n + m for m in range(20)]} for n in range(4)]
    sampling = SamplingParams(max_tokens=8, ignore_eos=True, temperature=0, detokenize=False)
    for _ in range(2):
        engine.generate(prompts, sampling, use_tqdm=False)

    def told_everything():
        finished = [event for event in of("request", session) if event["state"] == "finished"]
        layers = {event["layer_index"] for event in of("moe", session)}
        return len(finished) == 8 and len(of("forward", session)) >= 16 and len(layers) == 2

    until(told_everything, "requests, forwards or experts are not told")
    assert not of("problem", session), of("problem", session)
    roles = {event["event"] for event in events(session)}
    assert {"engine", "worker"} <= roles, roles
    told = of("engine", session)[0]
    assert told["experts"] == 4 and told["experts_per_token"] == 2, told
    for line in of("moe", session):
        assert len(line["counts"]) == 4 and sum(line["counts"]) == line["tokens"] * 2, line
    assert {line["layer_index"] for line in of("moe", session)} == {0, 1}, of("moe", session)
    finished = [event for event in of("request", session) if event["state"] == "finished"]
    assert len(finished) == 8 and all(event["output_tokens"] == 8 for event in finished), finished
    print(f"{len(of('moe', session))} counts of experts, {len(of('forward', session))} forwards in {session}")

    for _ in range(100):  # a reader may be writing a table in it
        shutil.rmtree(session, ignore_errors=True)
        if not os.path.exists(session):
            break
    outputs = engine.generate(prompts, sampling, use_tqdm=False)
    assert [len(output.outputs[0].token_ids) for output in outputs] == [8] * 4
    assert not os.path.exists(session)
    print("unharmed without its session")


if __name__ == "__main__":
    main()
