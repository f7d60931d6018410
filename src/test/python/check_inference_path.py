"""Checks a module_path job against its trace, which is read here with nothing but the standard library.

    check_inference_path.py JOB_DIRECTORY TABLES [cpu|cuda]

TABLES is what `analyze --output-dir` made of the job's trace. Every kernel that is launched within a call of the
model is joined to a module; modules.csv has every module's calls, CPU time, kernels and device time; per_token.csv
has every operator and kernel of its step; path.json has the calls that the trace marks, in order. Ends with 1 where
something differs.
"""

import collections
import csv
import glob
import gzip
import json
import os
import sys
from decimal import Decimal

MARK = "kerneltracer.module "
STEPS = ("kerneltracer.prefill", "kerneltracer.decode", "kerneltracer.forward")


def nanoseconds(value):
    return int(Decimal(value) * 1000)


def main():
    job, tables, device = sys.argv[1], sys.argv[2], (sys.argv + ["cpu"])[3]
    files = glob.glob(os.path.join(job, "trace", "*.pt.trace.json.gz"))
    with gzip.open(files[0], "rt") as file:
        events = json.load(file, parse_float=Decimal)["traceEvents"]
    rows = [Row(event) for event in events if event.get("ph") == "X" and "dur" in event]
    with open(os.path.join(job, "path.json")) as file:
        path = json.load(file)
    trace = Traced(rows)
    faults = []
    check_modules(trace, read(os.path.join(tables, "modules.csv")), faults)
    check_calls(trace, path, faults)
    joined, kernels = check_joined(trace, tables, faults)
    check_token(trace, read(os.path.join(job, "per_token.csv")), faults)
    check_classes(path, read(os.path.join(job, "module_calls.csv")), faults)
    if device != "cpu" and not kernels:
        faults.append("no kernel in the trace of a GPU")
    if device != "cpu" and not any(row["source"] for row in read(os.path.join(job, "per_token.csv"))):
        faults.append("no kernel of the token has a source")
    print(
        f"{len(trace.marks)} marked calls, {len(path['calls'])} recorded; {joined} of {kernels} kernels in modules, "
        f"{trace.outside} launched outside of the model; {len(faults)} faults"
    )
    for fault in faults[:20]:
        print("  " + fault)
    return 1 if faults else 0


class Row:
    def __init__(self, event):
        self.name, self.cat, self.args = event["name"], event.get("cat"), event.get("args") or {}
        self.thread = (event["pid"], event["tid"])
        self.start = nanoseconds(event["ts"])
        self.end = self.start + nanoseconds(event["dur"])
        self.duration = self.end - self.start


class Traced:
    """A trace with, for every row of a thread, the marks around it."""

    def __init__(self, rows):
        self.marks = [row for row in rows if row.name.startswith(MARK)]
        self.steps = [row for row in rows if row.cat == "user_annotation" and row.name.startswith(STEPS)]
        self.kernels = [row for row in rows if row.cat == "kernel"]
        self.work = [row for row in rows if row.cat in ("kernel", "gpu_memcpy", "gpu_memset")]
        self.operators = [row for row in rows if row.cat == "cpu_op" and not row.name.startswith(MARK)]
        self.launches = {}
        for row in rows:
            if row.cat in ("cuda_runtime", "cuda_driver") and row.args.get("correlation"):
                self.launches.setdefault(row.args["correlation"], row)
        for mark in self.marks:
            mark.path, _, mark.class_name = mark.name[len(MARK) :].rpartition(" ")
            mark.label = mark.path or mark.class_name
        self._nest()
        self.outside = sum(1 for kernel in self.kernels if not self.around(self.launch(kernel)))

    def _nest(self):
        inner = [*self.operators, *self.launches.values()]
        by_thread = collections.defaultdict(list)
        for row in self.marks + inner:
            by_thread[row.thread].append(row)
        for thread in by_thread.values():
            # Of rows with equal times a mark lies outside, and an operator outside of a launch.
            thread.sort(key=lambda row: (row.start, -row.end, not row.name.startswith(MARK), row.cat != "cpu_op"))
            marks, operators = [], []
            for row in thread:
                while marks and over(marks[-1], row):
                    marks.pop()
                while operators and operators[-1].end < row.start:
                    operators.pop()
                if row.cat == "cpu_op" and not row.name.startswith(MARK):
                    # An operator lies wholly within another; a launch begins in one.
                    while operators and (operators[-1].end <= row.start or operators[-1].end < row.end):
                        operators.pop()
                row.marks = list(marks)
                row.operators = list(operators)
                if row.name.startswith(MARK):
                    marks.append(row)
                elif row.cat == "cpu_op":
                    operators.append(row)

    def launch(self, work):
        return self.launches.get(work.args.get("correlation"))

    @staticmethod
    def around(row):
        return row.marks if row is not None else []


def over(mark, row):
    """Whether a mark is over where a row begins. Times of old traces are whole microseconds."""
    return mark.end < row.start or (mark.end == row.start and mark.start < row.start)


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def check_modules(trace, rows, faults):
    expected = {}
    for mark in trace.marks:
        sums = expected.setdefault(mark.label, [0, 0, 0, 0])
        sums[0] += 1
        if all(around.label != mark.label for around in mark.marks):
            sums[1] += mark.duration
    for work in trace.work:
        for label in {mark.label for mark in trace.around(trace.launch(work))}:
            expected[label][2] += work.duration
            expected[label][3] += work.cat == "kernel"
    got = {
        row["module"]: [int(row["calls"]), int(row["cpu_ns"]), int(row["device_ns"]), int(row["kernels"])]
        for row in rows
    }
    if len(got) != len(rows):
        faults.append("modules.csv names a module twice")
    for label in sorted(set(expected) | set(got)):
        if expected.get(label) != got.get(label):
            faults.append(f"modules.csv {label}: {got.get(label)} but the trace has {expected.get(label)}")


def check_calls(trace, path, faults):
    marked = collections.Counter((mark.path, mark.class_name) for mark in trace.marks)
    recorded = collections.Counter((call["module"], call["class"]) for call in path["calls"])
    if marked != recorded:
        faults.append(f"path.json and the trace differ in calls: {list((marked - recorded) + (recorded - marked))[:3]}")
    in_order = [mark.path for mark in sorted(trace.marks, key=lambda mark: (mark.start, -mark.end))]
    if in_order != [call["module"] for call in path["calls"]]:
        faults.append("path.json and the trace have their calls in different order")


def check_joined(trace, tables, faults):
    with open(os.path.join(tables, "summary.json")) as file:
        trust = json.load(file)["trust"]
    inside = len(trace.kernels) - trace.outside
    if trust["kernels_joined_to_module"] != inside:
        faults.append(f"{trust['kernels_joined_to_module']} kernels joined to a module, {inside} launched in one")
    return trust["kernels_joined_to_module"], len(trace.kernels)


def check_token(trace, rows, faults):
    """per_token.csv is of one step: that whose operators and kernels it has, in number."""
    calls = collections.Counter()
    kernels = 0
    for row in rows:
        calls[row["operator"]] += int(row["calls_per_token"])
        kernels += int(row["kernel_calls"])
        if row["kernels"] and row["source"] and len(row["kernels"].split("; ")) != len(row["source"].split("; ")):
            faults.append(f"per_token.csv {row['position']}: kernels and sources differ in number")
    if [int(row["position"]) for row in rows] != list(range(1, len(rows) + 1)):
        faults.append("per_token.csv has gaps in its positions")
    for step in trace.steps:
        outermost = collections.Counter()
        for operator in trace.operators:
            inside = step.thread == operator.thread and step.start <= operator.start < step.end
            if inside and not operator.operators and operator is not step:
                outermost[operator.name] += 1
        launched = 0
        for kernel in trace.kernels:
            launch = trace.launch(kernel)
            if launch is not None and step.thread == launch.thread and step.start <= launch.start < step.end:
                launched += 1
                if not launch.operators:
                    outermost[launch.name] += 1
        if {name: count for name, count in outermost.items() if name.startswith("aten::")} == {
            name: count for name, count in calls.items() if name.startswith("aten::")
        } and launched == kernels:
            return
    faults.append(f"per_token.csv ({sum(calls.values())} calls, {kernels} kernels) is like no step of the trace")


def check_classes(path, rows, faults):
    expected = collections.Counter(call["class"] for call in path["calls"])
    got = {row["class"]: int(row["calls"]) for row in rows if row["calls"] != "0"}
    if dict(expected) != got:
        faults.append("module_calls.csv differs from path.json")


if __name__ == "__main__":
    sys.exit(main())
