"""Checks the result files of vLLM's tracers.

    check_vllm_results.py DIRECTORY [--ranks N] [--gpu] [--eager]

DIRECTORY is a job's: vllm_profiler or module_path, by its name. For every rank: one prefill and new_tokens - 1 decode
steps, told apart, in the trace; the profile has operators; with module_path every decode step calls the same modules.
--gpu demands kernels, among them attention's by its own name, joined to its operator; --eager that no kernel of
attention was launched outside of an operator, as in a CUDA graph.
"""

import argparse
import collections
import gzip
import json
import pathlib
import re
import sys

STEP = re.compile(r"execute_context_(\d+)\((\d+)\)_generation_(\d+)\((\d+)\)")
ATTENTION = re.compile(r"flash::|flash_fwd|FlashAttn|kernel_unified_attention|fmha", re.IGNORECASE)


def rank_of(path):
    found = re.search(r"rank[-_]?(\d+)", path.name)
    return int(found.group(1)) if found else 0


def check_trace(path, spec, faults):
    with gzip.open(path) as file:
        events = json.load(file)["traceEvents"]
    steps = [
        tuple(map(int, STEP.match(event["name"]).groups()))
        for event in events
        if event.get("cat") == "user_annotation" and STEP.match(event.get("name", ""))
    ]
    prompts = spec["batch"], spec["batch"] * spec["prompt_tokens"]
    # An engine that schedules ahead ends with a step for nobody.
    steps = [step for step in steps if any(step)]
    wanted = [(*prompts, 0, 0)] + [(0, 0, spec["batch"], spec["batch"])] * (spec["new_tokens"] - 1)
    if steps != wanted:
        faults.append(f"{path.name}: steps {steps} instead of {wanted}")
    marks = [event["name"].split()[1] for event in events if event.get("name", "").startswith("kerneltracer.module ")]
    print(f"{path.name}: {len(events)} events, {len(steps)} steps, {len(marks)} marks of modules")
    return marks


def check_profile(directory, options, faults):
    profile = json.loads((directory / "vllm_profile.json").read_text())
    if not any(entry["count"] > 0 for entry in profile.values()):
        faults.append(f"{directory}/vllm_profile.json has no operator")
    entries = json.loads((directory / "vllm_kernel_profile.json").read_text())
    joined, loose, names = 0, 0, collections.Counter()
    for entry in entries:
        for kernel in entry["associated_kernels"]:
            if ATTENTION.search(kernel["kernel_name"]):
                names[kernel["kernel_name"][:100], entry["cpu_op_name"]] += 1
                if entry["cpu_op_cat"] == "cpu_op":
                    joined += 1
                else:
                    loose += 1
    for (name, operator), count in names.most_common(5):
        print(f"  {count} x {name} under {operator}")
    if options.gpu and joined == 0:
        faults.append(f"{directory}: no kernel of attention is joined to an operator ({loose} are not)")
    if options.gpu and options.eager and loose > 0:
        faults.append(f"{directory}: {loose} kernels of attention are joined to no operator ({joined} are)")


def check_path(directory, marks, spec, faults):
    path = json.loads((directory / "path.json").read_text())
    calls = collections.defaultdict(list)
    for call in path["calls"]:
        calls[call["step"]].append((call["module"], call["class"]))
    phases = [step["phase"] for step in path["steps"]]
    if phases != ["prefill"] + ["decode"] * (spec["new_tokens"] - 1):
        faults.append(f"{directory}/path.json: phases {phases}")
    decode = [calls[step["index"]] for step in path["steps"] if step["phase"] == "decode"]
    if any(step != decode[0] for step in decode):
        faults.append(f"{directory}/path.json: decode steps call different modules")
    layers = {name for name, _ in decode[0] if re.search(r"layers\.\d+$", name)}
    if not layers or not any(name.endswith("self_attn") for name, _ in decode[0]):
        faults.append(f"{directory}/path.json: no layer or no attention in {decode[0][:20]}")
    unmarked = {name for name, _ in decode[0] if name} - set(marks)
    if unmarked:
        faults.append(f"the trace lacks the marks of {sorted(unmarked)[:5]}")
    print(
        f"  {directory}/path.json: {len(path['calls'])} calls, {len(decode[0])} in a decode step, {len(layers)} layers"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--eager", action="store_true")
    options = parser.parse_args()
    directory, faults = options.directory, []
    spec = json.loads((directory / "job.json").read_text())
    traces = sorted((directory / "trace").glob("*.pt.trace.json.gz"), key=rank_of)
    if len(traces) != options.ranks:
        faults.append(f"{len(traces)} traces instead of {options.ranks}")
    for rank, trace in enumerate(traces):
        own = directory if rank == 0 else directory / "ranks" / str(rank)
        marks = check_trace(trace, spec, faults)
        if spec["tracer"] == "module_path":
            check_path(own, marks, spec, faults)
        else:
            check_profile(own, options, faults)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults or not traces else 0)


if __name__ == "__main__":
    main()
