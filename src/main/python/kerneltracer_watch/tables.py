"""The tables of a session, written by the probe itself where nobody reads its events (`watch --probe-env`): the same
files and columns as `kerneltracer watch` makes."""

import csv
import io
import os
import time

from kerneltracer_watch import session
from kerneltracer_watch.settings import from_environment

DESCRIPTOR = ("num_tokens", "num_reqs", "uniform", "has_lora")
MORE_DESCRIPTOR = ("num_active_loras", "uniform_token_count", "max_query_len")
COLUMNS = {
    "cuda_graph_captures.csv": ("runtime_mode", *DESCRIPTOR, "capture_time_sec", *MORE_DESCRIPTOR),
    "cuda_graph_usage.csv": ("runtime_mode", *DESCRIPTOR, "replay_count", *MORE_DESCRIPTOR),
    "cuda_graph_timeline.csv": ("timestamp_sec", "descriptor", "duration_ms"),
    "kv_cache_usage.csv": ("timestamp_sec", "usage_pct", "num_blocks", "total_blocks"),
    "kv_cache_evictions.csv": ("timestamp_sec", "lifetime_sec", "idle_sec"),
    "forward_pass_timing.csv": (
        "timestamp_sec",
        "phase",
        "batch_size",
        "num_tokens",
        "forward_time_ms",
        "throughput_tokens_per_sec",
    ),
    "cpu_operations_timing.csv": ("timestamp_sec", "operation", "duration_ms", "context"),
    "batch_utilization.csv": (
        "timestamp_sec",
        "num_seqs",
        "max_num_seqs",
        "seq_utilization_pct",
        "num_tokens",
        "max_tokens",
        "token_utilization_pct",
        "phase",
        "running_queue_len",
        "waiting_queue_len",
    ),
    "preemption_events.csv": (
        "timestamp_sec",
        "request_id",
        "event",
        "reason",
        "running_time_sec",
        "extra_info",
    ),
    "request_lifecycle.csv": (
        "request_id",
        "started_sec",
        "preempted_sec",
        "resumed_sec",
        "finished_sec",
        "total_time_sec",
        "preemption_delay_sec",
    ),
    "moe_expert_activations.csv": ("layer_idx", "expert_id", "activation_count", "percentage"),
    "moe_load_imbalance.csv": ("layer_idx", "timestamp_sec", "std_dev", "max_min_ratio"),
}
SECOND_NS = 1_000_000_000
# Requests and rows that are held in memory at most.
MOST_REQUESTS = 100_000
MOST_ROWS = 10_000


class Tables:
    """`take` is given each line of the event file, `flush` comes some times a second; both on the writer's thread."""

    def __init__(self, directory):
        self._directory = directory
        self._start = session.start_ns(directory)
        self._interval = from_environment().interval
        self._places = {"engine": directory, "worker": directory}
        self._rows = {}
        self._usage, self._experts, self._requests = {}, {}, {}
        self._changed = set()
        self._seen, self._sampled_at = {}, {}
        self._summary = None
        self._flushed_at = 0

    def take(self, line):
        handler = getattr(self, "_" + line["event"], None)
        if handler and not line.get("repeated"):
            handler(line)

    def flush(self, last):
        """Appends what came, and writes anew what counts: at most once a second."""
        now = time.monotonic_ns()
        if not last and now - self._flushed_at < SECOND_NS // 2:
            return
        self._flushed_at = now
        try:
            rows, self._rows = self._rows, {}
            for (role, name), lines in rows.items():
                self._append(role, name, lines)
            changed, self._changed = self._changed, set()
            for name in changed:
                self._write(name)
        except OSError:
            # A full disk or a removed directory: the events' own file tells it.
            self._rows.clear()

    def _seconds(self, t):
        return f"{(t - self._start) / 1e9:.6f}"

    def _row(self, role, name, *values):
        rows = self._rows.setdefault((role, name), [])
        if len(rows) < MOST_ROWS:
            rows.append(values)

    def _due(self, name, t):
        """Each so many operations, and where a second has passed."""
        count = self._seen.get(name, 0)
        self._seen[name] = count + 1
        if count % self._interval == 0 or t - self._sampled_at.get(name, 0) >= SECOND_NS:
            self._sampled_at[name] = t
            return True
        return False

    def _place(self, role, dp, tp, pp):
        place = self._directory
        if dp or tp or pp:
            place = os.path.join(place, f"rank_{dp or 0}_{tp or 0}" + (f"_pp{pp}" if pp else ""))
            os.makedirs(place, exist_ok=True)
        self._places[role] = place

    def _engine(self, line):
        self._place("engine", line.get("dp_rank"), 0, 0)
        for name in ("kv_cache_evictions.csv", "preemption_events.csv", "request_lifecycle.csv"):
            self._rows.setdefault(("engine", name), [])

    def _worker(self, line):
        self._place("worker", line.get("dp_rank"), line.get("tp_rank"), line.get("pp_rank"))
        for name in ("cuda_graph_captures.csv", "cuda_graph_timeline.csv"):
            self._rows.setdefault(("worker", name), [])
        self._changed.add("cuda_graph_usage.csv")

    def _capture(self, line):
        key = _key(line)
        if key not in self._usage:
            self._usage[key] = 0
            mode, *fields = key
            shared, more = fields[: len(DESCRIPTOR)], fields[len(DESCRIPTOR) :]
            self._row("worker", "cuda_graph_captures.csv", mode, *shared, self._seconds(line["t"]), *more)
            self._changed.add("cuda_graph_usage.csv")

    def _forward(self, line):
        duration = line["device_ns"] if line["device_ns"] is not None else line["host_ns"]
        if line["mode"] != "NONE":
            key = _key(line)
            self._usage[key] = self._usage.get(key, 0) + 1
            self._changed.add("cuda_graph_usage.csv")
            if self._due("timeline", line["t"]):
                name = " ".join(f"{name}={value}" for name, value in line["descriptor"].items())
                values = self._seconds(line["t"]), f"{line['mode']} {name}", f"{duration / 1e6:.3f}"
                self._row("worker", "cuda_graph_timeline.csv", *values)
        if self._due("forward", line["t"]):
            self._row(
                "worker",
                "forward_pass_timing.csv",
                self._seconds(line["t"]),
                line["phase"],
                line["requests"],
                line["tokens"],
                f"{duration / 1e6:.3f}",
                f"{line['tokens'] * 1e9 / duration:.2f}" if duration else "0.00",
            )

    def _step(self, line):
        used, total = line["kv_used_blocks"], line["kv_total_blocks"]
        usage = 100 * used / total if total else 0.0
        summary = self._summary
        if summary is None:
            summary = self._summary = {"samples": 0, "sum": 0.0, "peak": 0.0, "evicted": 0, "queries": 0, "hits": 0}
        summary["total"] = total
        summary["samples"] += 1
        summary["sum"] += usage
        summary["peak"] = max(summary["peak"], usage)
        summary["evicted"] += line["evicted"]
        summary["queries"] += line["prefix_query_tokens"]
        summary["hits"] += line["prefix_hit_tokens"]
        self._changed.add("kv_cache_summary.txt")
        if self._due("usage", line["t"]):
            self._row("engine", "kv_cache_usage.csv", self._seconds(line["t"]), f"{usage:.2f}", used, total)
        if self._due("batch", line["t"]):
            requests = line["prefill_requests"] + line["decode_requests"]
            tokens = line["prefill_tokens"] + line["decode_tokens"]
            phase = "decode" if not line["prefill_requests"] else "mixed" if line["decode_requests"] else "prefill"
            self._row(
                "engine",
                "batch_utilization.csv",
                self._seconds(line["t"]),
                requests,
                line["max_num_seqs"],
                f"{100 * requests / line['max_num_seqs']:.2f}",
                tokens,
                line["token_budget"],
                f"{100 * tokens / line['token_budget']:.2f}" if line["token_budget"] else "0.00",
                phase,
                line["running"],
                line["waiting"],
            )

    def _evict(self, line):
        ages = [("" if line[name] is None else f"{line[name] / 1e9:.6f}") for name in ("lifetime_ns", "idle_ns")]
        self._row("engine", "kv_cache_evictions.csv", self._seconds(line["t"]), *ages)

    def _preempt(self, line):
        running = "" if line["running_ns"] is None else f"{line['running_ns'] / 1e9:.6f}"
        more = f"computed_tokens={line['computed_tokens']} output_tokens={line['output_tokens']} by={line['by']}"
        values = line["request"], "preempted", line["cause"], running, more
        self._row("engine", "preemption_events.csv", self._seconds(line["t"]), *values)

    def _request(self, line):
        name, state, t = line["request"], line["state"], line["t"]
        requests = self._requests
        if state == "queued":
            if len(requests) < MOST_REQUESTS:
                requests[name] = {"started": t}
            return
        request = requests.get(name)
        if request is None:
            return
        if state == "scheduled":
            request["started"] = t
        elif state in ("preempted", "resumed"):
            request.setdefault(state, t)
            if state == "preempted":
                request["waits"] = t
            else:
                request["delay"] = request.get("delay", 0) + t - request.pop("waits", t)
                values = name, "resumed", "", "", ""
                self._row("engine", "preemption_events.csv", self._seconds(t), *values)
        elif state == "finished":
            del requests[name]
            times = [self._seconds(request[state]) if state in request else "" for state in ("preempted", "resumed")]
            self._row(
                "engine",
                "request_lifecycle.csv",
                name,
                self._seconds(request["started"]),
                *times,
                self._seconds(t),
                f"{(t - request['started']) / 1e9:.6f}",
                f"{request.get('delay', 0) / 1e9:.6f}",
            )

    def _cpu_operation(self, line):
        context = " ".join(f"{name}={value}" for name, value in line["context"].items())
        role = "engine" if line["operation"] in ("schedule", "update_from_output") else "worker"
        values = self._seconds(line["t"]), line["operation"], f"{line['duration_ns'] / 1e6:.3f}", context
        self._row(role, "cpu_operations_timing.csv", *values)

    def _moe(self, line):
        counts, index = line["counts"], line["layer_index"]
        known = self._experts.setdefault(index, [0] * len(counts))
        for expert, count in enumerate(counts):
            known[expert] += count
        mean = sum(counts) / len(counts)
        deviation = (sum((count - mean) ** 2 for count in counts) / len(counts)) ** 0.5
        ratio = f"{max(counts) / min(counts):.2f}" if min(counts) else "inf"
        self._row("worker", "moe_load_imbalance.csv", index, self._seconds(line["t"]), f"{deviation:.2f}", ratio)
        self._changed.add("moe_expert_activations.csv")

    def _append(self, role, name, rows):
        path = os.path.join(self._places[role], name)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._create(path, name)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text.getvalue())

    def _create(self, path, name):
        """With its header, once, whichever process comes first."""
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(",".join(COLUMNS[name]) + "\n")
        except FileExistsError:
            pass

    def _write(self, name):
        if name == "kv_cache_summary.txt":
            session.write_atomically(os.path.join(self._places["engine"], name), self._summary_text())
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS[name])
        if name == "cuda_graph_usage.csv":
            for (mode, *fields), count in self._usage.items():
                writer.writerow([mode, *fields[: len(DESCRIPTOR)], count, *fields[len(DESCRIPTOR) :]])
        else:
            for index, counts in sorted(self._experts.items()):
                total = sum(counts) or 1
                writer.writerows((index, expert, n, f"{100 * n / total:.4f}") for expert, n in enumerate(counts))
        session.write_atomically(os.path.join(self._places["worker"], name), text.getvalue())

    def _summary_text(self):
        known = self._summary
        hits = f"{100 * known['hits'] / known['queries']:.1f} %" if known["queries"] else "none looked up"
        return (
            "KV cache\n"
            f"Total blocks:      {known['total']}\n"
            f"Peak use:          {known['peak']:.2f} %\n"
            f"Average use:       {known['sum'] / known['samples']:.2f} %\n"
            f"Evicted blocks:    {known['evicted']}\n"
            f"Prefix cache hits: {hits}\n"
        )


def _key(line):
    fields = line["descriptor"]
    values = ("" if fields.get(name) is None else fields[name] for name in (*DESCRIPTOR, *MORE_DESCRIPTOR))
    return (line["mode"], *values)
