"""Holds what the probe of `watch` promises of its files and hooks, without vLLM: check_watch_writer.py DIR [EVENTS]"""

import json
import os
import resource
import signal
import sys
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../main/python")
sys.path.insert(0, ROOT)
directory = sys.argv[1]
os.environ["VLLM_PROFILING_DIR"] = directory

from kerneltracer_watch import engine_hooks, moe_hooks, probe, session, settings, worker_hooks  # noqa: E402
from kerneltracer_watch.events import EventFile  # noqa: E402
from kerneltracer_watch.hooks import Hook, Hooks  # noqa: E402

LIMIT_SECONDS = 120


def until(condition, what):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def new_file(name, size=1 << 20, queue=65536, **more):
    return EventFile(os.path.join(directory, name), size, queue, **more)


def what_is_put_is_written_in_order():
    file = new_file("order.jsonl")
    for number in range(1000):
        file.put("evict", number, number, 2 * number, None)
    until(lambda: file.queued() == 0, "not written")
    file.close()
    found = lines(file.path)
    assert [line["block"] for line in found if line["event"] == "evict"] == list(range(1000))
    assert found[3] == {"event": "evict", "t": 3, "block": 3, "lifetime_ns": 6, "idle_ns": None}
    assert found[-1]["event"] == "bye" and found[-1]["dropped"] == 0 and found[-1]["written"] == 1000, found[-1]


def a_full_queue_drops_and_counts():
    file = new_file("full.jsonl", queue=100)
    with file._lock:  # the writer cannot take anything meanwhile
        for number in range(1000):
            file._thread = file._thread or threading.current_thread()
            file.put("evict", number, number, 0, 0)
    file._thread = None
    file.put("evict", 0, 0, 0, 0)
    file.close()
    found = lines(file.path)
    dropped = sum(line["count"] for line in found if line["event"] == "dropped")
    assert dropped == 901, dropped
    assert found[-1]["dropped"] == 901


def a_full_file_is_begun_anew_with_what_must_be_known():
    file = new_file("rotated.jsonl", size=50_000)
    file.now("hello", 1, {"pid": 7})
    for number in range(3000):
        file.put("evict", number, number, 0, 0)
    file.close()
    found, older = lines(file.path), lines(file.path.replace(".jsonl", ".1.jsonl"))
    assert os.path.getsize(file.path) <= 51_000
    assert found[0] == {"event": "hello", "t": 1, "pid": 7, "repeated": True}, found[0]
    blocks = [line["block"] for line in older + found if line["event"] == "evict"]
    assert blocks == list(range(blocks[0], 3000))
    gone = sum(line["count"] for line in older + found if line["event"] == "dropped" and line["why"] == "file_full")
    # Those told within the files that are gone themselves are in the total of the last one.
    total = [line["total"] for line in older + found if line["event"] == "dropped"][-1]
    assert gone and total >= blocks[0], (total, blocks[0])


def a_disk_that_is_full_for_a_while_loses_only_what_came_meanwhile():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    file = new_file("disk.jsonl")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        for number in range(2000):
            file.put("evict", number, number, 0, 0)
        until(lambda: file.dropped > 0, "nothing dropped on a full disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    until(lambda: file._failing_since is None or _retried(file), "never tried again")
    file.put("evict", 9999, 9999, 0, 0)
    file.close()
    with open(file.path, encoding="utf-8") as text:
        good, damaged = [], 0
        for line in text:
            try:
                good.append(json.loads(line))
            except ValueError:
                damaged += 1
    assert damaged <= 1, damaged
    assert any(line.get("block") == 9999 for line in good)
    assert any(line["event"] == "dropped" and line["why"] == "write_failed" for line in good)


def _retried(file):
    file.put("evict", 1, 1, 0, 0)
    return file._failing_since is None


def a_removed_directory_harms_nobody():
    where = os.path.join(directory, "gone")
    os.makedirs(where)
    file = EventFile(os.path.join(where, "gone.jsonl"), 1 << 20, 1000)
    file.put("evict", 1, 1, 0, 0)
    until(lambda: file.written == 1, "not written")
    os.remove(file.path)
    os.rmdir(where)

    def lost():
        file.put("evict", 2, 2, 0, 0)
        return file.dropped > 0

    until(lost, "not counted as dropped")
    assert not os.path.exists(where)
    file.close()


def a_line_that_json_cannot_hold_is_a_problem_and_not_an_end():
    file = new_file("odd.jsonl")
    ring = []
    ring.append(ring)
    file.put("user", 1, {"fields": ring})
    file.put("user", 2, {"fields": {1, 2}})
    file.put("evict", 3, 3, 0, 0)
    file.close()
    assert [line["event"] for line in lines(file.path)] == ["problem", "user", "evict", "bye"]


def a_fork_has_a_file_of_its_own():
    probe.start()
    parent = probe.PROBE.file.path
    probe.event("before the fork")
    pid = os.fork()
    if pid == 0:
        probe.event("in the child")
        probe.PROBE.file.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    probe.PROBE.file.close()
    child = os.path.join(os.path.dirname(parent), f"process-{pid}.jsonl")
    assert [line["name"] for line in lines(child) if line["event"] == "user"] == ["in the child"]
    assert [line["name"] for line in lines(parent) if line["event"] == "user"] == ["before the fork"]


def servers_do_not_share_a_session():
    os.environ.pop(session.JOINED, None)
    os.environ["KERNELTRACER_WATCH_SESSION"] = os.path.join(directory, "wanted")
    first = session.join(settings.from_environment())
    assert session.join(settings.from_environment()) == first, "its own children join it"
    os.environ.pop(session.JOINED)
    second = session.join(settings.from_environment())
    assert (first, second) == (os.path.join(directory, "wanted"), os.path.join(directory, "wanted_2"))
    os.environ.pop("KERNELTRACER_WATCH_SESSION")
    # Claimed by a process that ended before there was an engine: the server proper takes it over.
    os.environ.pop(session.JOINED)
    os.environ["KERNELTRACER_WATCH_SESSION"] = os.path.join(directory, "brief")
    pid = os.fork()
    if pid == 0:
        session.join(settings.from_environment())
        os._exit(0)
    os.waitpid(pid, 0)
    assert session.join(settings.from_environment()) == os.path.join(directory, "brief")
    os.environ.pop("KERNELTRACER_WATCH_SESSION")


def every_hook_is_in_the_list_of_checked_names():
    with open(os.path.join(ROOT, "kerneltracer_probe/vllm_names.json"), encoding="utf-8") as file:
        names = json.load(file)["hooks of a live session"]
    known = {}
    for owner, rule in names.items():
        module = rule["file"].removesuffix(".py").replace("/", ".")
        prefix = "" if rule.get("module") else rule.get("class", owner) + "."
        known.setdefault(module, set()).update(prefix + member for member in rule["members"])
    every = [part for part in (engine_hooks, worker_hooks, moe_hooks) for part in part.hooks(settings.TRACKS)]
    assert len(every) > 30
    for hook in every:
        if not hook.module.startswith("torch."):
            assert hook.path in known.get(hook.module, ()), f"vllm_names.json has no {hook.module} {hook.path}"


def hooks_come_with_the_import_and_go_when_they_fail():
    with open(os.path.join(directory, "watched_module.py"), "w", encoding="utf-8") as file:
        file.write("class Thing:\n    def work(self, n):\n        return n + 1\n\n")
        file.write("    @staticmethod\n    def other():\n        return 5\n")
    sys.path.insert(0, directory)
    seen, told = [], []
    hooks = Hooks(lambda: told.append(1))

    def counting(original):
        def work(self, n):
            seen.append(n)
            return original(self, n)

        return work

    def passing(original):
        def other(*args):
            seen.append("other")
            return original(*args)

        return other

    hooks.add(
        [
            Hook("a", "watched_module", "Thing.work", counting),
            Hook("b", "watched_module", "Thing.absent", counting),
            Hook("b", "watched_module", "Thing.rare", counting, optional=True),
            Hook("c", "watched_module", "Thing.other", passing),
        ]
    )
    assert hooks.on() == [] and not told
    import watched_module

    assert told and hooks.on() == ["watched_module.Thing.work", "watched_module.Thing.other"]
    assert hooks.missing() == [{"hook": "watched_module.Thing.absent", "reason": "no absent"}]
    thing = watched_module.Thing()
    assert thing.work(1) == 2 and thing.other() == 5 and watched_module.Thing.other() == 5
    assert seen == [1, "other", "other"]
    hooks.switch(False)
    assert thing.work(2) == 3 and len(seen) == 3
    hooks.switch(True)
    assert thing.work(3) == 4 and seen[-1] == 3
    hooks.drop("a")
    assert thing.work(4) == 5 and seen[-1] == 3 and hooks.on() == ["watched_module.Thing.other"]
    hooks.switch(False)
    hooks.switch(True)
    assert thing.work(5) == 6 and seen[-1] == 3, "what failed stays off"


def an_error_in_a_hook_switches_off_that_hook_alone():
    import watched_module

    probe.PROBE.open_file()

    def failing(result, duration_ns, *args):
        raise ValueError("planted")

    probe.after("watched_module", "Thing.work", failing)
    thing = watched_module.Thing()
    assert [thing.work(n) for n in range(3)] == [1, 2, 3]
    probe.PROBE.file.close()
    problems = [line for line in lines(probe.PROBE.file.path) if line["event"] == "problem"]
    assert len(problems) == 1 and "ValueError: planted" in problems[0]["error"], problems


def many_events_keep_memory_flat(count):
    """A day of a busy server: what is written stays bounded and readable, and so does the memory."""
    file = new_file("many.jsonl", size=8 << 20)
    peaks = []
    for number in range(count):
        file.put("evict", number, number % 50_000, 1000, 10)
        if number % 5000 == 0:
            until(lambda: file.queued() < 30_000, "the writer does not keep up")
        if number in (count // 5, count - 1):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    until(lambda: file.queued() == 0, "not written")
    file.close()
    found = lines(file.path)
    assert os.path.getsize(file.path) <= (8 << 20) + 1000
    assert found[-1]["event"] == "bye"
    assert found[-2]["t"] == count - 1 or found[-3]["t"] == count - 1, found[-3:]
    assert peaks[1] - peaks[0] < 32 << 10, f"memory grew from {peaks[0]} to {peaks[1]} KiB"
    print(f"{count} events: peak memory {peaks[0]} KiB after a fifth, {peaks[1]} KiB at the end")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        many_events_keep_memory_flat(int(sys.argv[2]))
    else:
        what_is_put_is_written_in_order()
        a_full_queue_drops_and_counts()
        a_full_file_is_begun_anew_with_what_must_be_known()
        a_disk_that_is_full_for_a_while_loses_only_what_came_meanwhile()
        a_removed_directory_harms_nobody()
        a_line_that_json_cannot_hold_is_a_problem_and_not_an_end()
        a_fork_has_a_file_of_its_own()
        servers_do_not_share_a_session()
        every_hook_is_in_the_list_of_checked_names()
        hooks_come_with_the_import_and_go_when_they_fail()
        an_error_in_a_hook_switches_off_that_hook_alone()
        assert "torch" not in sys.modules
        many_events_keep_memory_flat(100_000)
        print("all hold")
