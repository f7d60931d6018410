"""Compares what KernelTracer read from a trace with torch.profiler's own totals of the same run.

    compare_key_averages.py DIRECTORY [--gpu]

DIRECTORY is a torch_profiler result directory made with --key-averages. Calls of every operator and of
every kernel must be equal, kernel time must be equal to torch's rounding, and every launch by the
driver (cuLaunchKernel*) must be joined to its kernel. --gpu demands that there are kernels at all.
Copies and fills are not kernels; marks and steps are not operators.
"""

import csv
import gzip
import json
import pathlib
import sys


def counts_of_csv(path):
    operators, kernels = {}, {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["cpu_op_name"]:
                operators[row["cpu_op_name"]] = int(row["cpu_op_total_count"])
            if row["gpu_kernel_name"]:
                name = row["gpu_kernel_name"]
                kernels[name] = kernels.get(name, 0) + int(row["gpu_kernel_total_count"])
    return operators, kernels


def is_mark(name):
    return name.startswith(("kerneltracer.", "ProfilerStep"))


def main():
    directory = pathlib.Path(sys.argv[1])
    operators, kernels = counts_of_csv(directory / "torch_kernel_profile.csv")
    truth = json.loads((directory / "key_averages.json").read_text())
    true_operators = {
        row["key"]: row["count"] for row in truth if row["device_type"].endswith("CPU") and not is_mark(row["key"])
    }
    true_kernels = {
        row["key"]: row["count"]
        for row in truth
        if not row["device_type"].endswith("CPU")
        and not is_mark(row["key"])
        and not row["key"].startswith(("Memcpy", "Memset"))
    }
    faults = []
    for name, count in operators.items():
        # torch's CPU rows also hold launches and overhead; only operators are compared.
        if name in true_operators and true_operators[name] != count:
            faults.append(f"operator {name}: {count} calls, torch says {true_operators[name]}")
    missing = [name for name in true_operators if name.startswith("aten::") and name not in operators]
    faults += [f"operator {name} is missing" for name in missing]
    for name in sorted(set(kernels) | set(true_kernels)):
        if kernels.get(name, 0) != true_kernels.get(name, 0):
            faults.append(f"kernel {name}: {kernels.get(name, 0)} calls, torch says {true_kernels.get(name, 0)}")
    profile = json.loads((directory / "torch_kernel_profile.json").read_text())
    ours_us = sum(entry["total_kernel_time_us"] for entry in profile)
    theirs_us = sum(
        row["self_device_us"]
        for row in truth
        if not row["device_type"].endswith("CPU")
        and not is_mark(row["key"])
        and not row["key"].startswith(("Memcpy", "Memset"))
    )
    if abs(ours_us - theirs_us) > 0.001 * max(1, len(kernels)):
        faults.append(f"kernel time {ours_us} us, torch says {theirs_us} us")
    driver = unjoined = 0
    if kernels:
        (trace,) = (directory / "trace").glob("*.pt.trace.json.gz")
        with gzip.open(trace) as file:
            events = json.load(file)["traceEvents"]
        by_correlation = {
            event["args"]["correlation"] for event in events if event.get("cat") == "kernel" and "args" in event
        }
        joined = {item["kernel_external_id"] for entry in profile for item in entry["associated_kernels"]}
        for event in events:
            by_driver = event.get("cat") == "cuda_driver" and event["name"].startswith("cuLaunchKernel")
            if by_driver and event["args"]["correlation"] in by_correlation:
                driver += 1
                unjoined += event["args"].get("External id") not in joined
        if unjoined:
            faults.append(f"{unjoined} of {driver} kernels launched by the driver are joined to no operator")
    elif "--gpu" in sys.argv:
        faults.append("there is no kernel in the trace")
    print(
        f"{len(operators)} operators in {sum(operators.values())} calls, {len(kernels)} kernels in "
        f"{sum(kernels.values())} calls, {ours_us:.3f} us of kernel time, {driver} launches by the driver"
    )
    for fault in faults:
        print("WRONG:", fault)
    print("all equal to torch.profiler's key_averages()" if not faults else f"{len(faults)} differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
