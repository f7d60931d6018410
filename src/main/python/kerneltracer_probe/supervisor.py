"""Starts one target in a session of its own and sees to it that nothing of it is left.

    python -I -S supervisor.py LOG_FILE MARK GRACE_SECONDS -- COMMAND [ARGUMENT ...]

The other end of standard input is held by KernelTracer: end of file means that it is gone, however it
went, and ends the whole session. A line `stop` on it asks for the same. The target is the leader of
its own session and process group. This process is a subreaper, so that whatever the target leaves
behind, in whatever session, becomes its child and is found. Events, one JSON line each, go to
standard output: its own, and those that the target writes to a pipe (KERNELTRACER_EVENTS_FD). Nobody
else has a copy of standard output, so its end of file means that this process is gone. The target's
output goes to LOG_FILE, or with `-` to the standard error of this process.
Only the standard library, no site-packages: it starts in some 20 ms. warm.py does the same with one
socket for both ends and a target that is forked, not executed.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.5
SHARED_SECONDS = 2
SHARED_MEMORY = "/dev/shm/"
# As Python, torch, NCCL and vLLM name their shared memory. Nothing else is removed: models may lie there as well.
SHARED_NAMES = ("psm_", "torch_", "nccl-", "vllm_", "sem.")


def say(events, name, **fields):
    tell(events, (json.dumps({"event": name, "time": time.time(), **fields}) + "\n").encode())


def tell(events, text):
    try:
        while text:
            text = text[os.write(events, text) :]
    except OSError:
        # KernelTracer is gone: end of file on the other pipe is about to say so.
        pass


def processes():
    """(pid, state, parent, session) of every process."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                yield int(name), fields[0].decode(), int(fields[1]), int(fields[3])
            except (OSError, IndexError):
                pass


def family(target):
    """Living processes of the target: its session, its descendants, and all orphans left to us."""
    rows = [row for row in processes() if row[1] not in "ZX"]
    children = {}
    for pid, _, parent, _ in rows:
        children.setdefault(parent, []).append(pid)
    found = {pid for pid, _, _, session in rows if session == target}
    todo = [os.getpid(), *found]
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    found.discard(os.getpid())
    return found


def resident_bytes(pids):
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                total += int(file.read().split()[1]) * page
        except (OSError, IndexError, ValueError):
            pass
    return total


def available_bytes():
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def memory_groups():
    """(directory, version) of the memory cgroups that hold this process, the innermost first. In a
    container the path that the kernel names may be the host's: then the mount's root is ours."""
    found = []
    try:
        with open("/proc/self/cgroup") as file:
            for line in file:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers == "":
                    root, version = "/sys/fs/cgroup", 2
                elif "memory" in controllers.split(","):
                    root, version = "/sys/fs/cgroup/memory", 1
                else:
                    continue
                while path not in ("", "/"):
                    found.append((root + path, version))
                    path = os.path.dirname(path)
                found.append((root, version))
    except (OSError, ValueError):
        pass
    return [(directory, version) for directory, version in found if os.path.isdir(directory)]


def _numbers(path):
    """The `name number` lines of a file of the kernel's; empty where it is not there."""
    try:
        with open(path) as file:
            words = [line.split() for line in file]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in words if len(line) == 2 and line[1].isdigit()}


def group_free_bytes():
    """What the tightest memory cgroup has left, file cache that can go counted as free; None without
    a limit."""
    free = None
    for directory, version in memory_groups():
        limit, used, cache = (
            ("memory.max", "memory.current", "inactive_file")
            if version == 2
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        try:
            with open(f"{directory}/{limit}") as a, open(f"{directory}/{used}") as b:
                left = int(a.read()) - int(b.read())
        except (OSError, ValueError):
            continue
        left += _numbers(f"{directory}/memory.stat").get(cache, 0)
        free = left if free is None else min(free, left)
    return free


def out_of_memory_kills():
    """How many processes the kernel has killed for memory, by the file that counts them: in the
    cgroups of this process and on this machine."""
    counts = {}
    for directory, version in memory_groups():
        path = f"{directory}/{'memory.events' if version == 2 else 'memory.oom_control'}"
        counts[path] = _numbers(path).get("oom_kill", 0)
    counts["/proc/vmstat"] = _numbers("/proc/vmstat").get("oom_kill", 0)
    return counts


def kill(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def scratch(mark):
    """A directory for what lives no longer than the target, as sockets; whoever needs it makes it, under a
    short name, since a socket's has 107 bytes at most."""
    return f"/tmp/kerneltracer-{mark}"


def remove_scratch(mark):
    path = scratch(mark)
    try:
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
    except OSError:
        pass


def shared_files():
    try:
        return {SHARED_MEMORY + name for name in os.listdir(SHARED_MEMORY)}
    except OSError:
        return set()


def shared_memory(pids):
    """The files of shared memory that these processes have mapped."""
    found = set()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/maps") as file:
                for line in file:
                    place = line.find(SHARED_MEMORY)
                    if place > 0:
                        found.add(line[place:].rstrip("\n"))
        except OSError:
            pass
    return {path for path in found if path.startswith(SHARED_NAMES, len(SHARED_MEMORY)) and os.path.exists(path)}


def remove_shared_memory(paths):
    """Unlinks what nobody has mapped any more: a process that is killed cannot do so itself."""
    if paths:
        paths = paths - shared_memory(row[0] for row in processes())
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass


def reap():
    """Collects every dead child but nothing else; {pid: wait status}."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def start(log, target, others):
    """Forks the process that becomes the target by `target()`; (pid, descriptor of its events)."""
    reading, writing = os.pipe()
    us = os.getpid()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return pid, reading
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != us:
        os._exit(127)
    for descriptor in (reading, *others):
        if descriptor > 2:
            os.close(descriptor)
    os.set_inheritable(writing, True)
    os.environ["KERNELTRACER_EVENTS_FD"] = str(writing)
    take_descriptors(log)
    if log > 2:
        os.close(log)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    target()
    os._exit(127)


def take_descriptors(log):
    """Standard input from nowhere, output and errors to `log`."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)


def execute(command):
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def forward(reading, events):
    """Hands on what the target has to say; false at the end of it."""
    while True:
        try:
            text = os.read(reading, 65536)
        except BlockingIOError:
            return True
        if not text:
            return False
        tell(events, text)


def supervise(control, events, log, mark, grace, target):
    """Runs `target` to its end, and all that it left to theirs."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    os.environ["KERNELTRACER_MARK"] = mark
    kills_before = out_of_memory_kills()
    shared = set()
    shared_before = shared_files()
    pid, reading = start(log, target, {control, events})
    say(events, "started", pid=pid)

    status = None
    peak = 0
    least_available = available_bytes()
    stopping = None
    poller = select.poll()
    poller.register(control, select.POLLIN | select.POLLHUP)
    poller.register(reading, select.POLLIN | select.POLLHUP)
    wait = SAMPLE_SECONDS
    try:
        poller.register(os.pidfd_open(pid), select.POLLIN)
    except OSError:
        # An old kernel or a sandbox: look for the end more often instead of being told.
        wait = 0.05
    sampled = looked = 0
    while status is None:
        ready = [descriptor for descriptor, _ in poller.poll(wait * 1000)]
        if reading in ready and not forward(reading, events):
            poller.unregister(reading)
        if control in ready:
            if not received(control):
                poller.unregister(control)
            if stopping is None:
                stopping = time.monotonic()
                shared |= shared_memory(family(pid))
                kill(family(pid), signal.SIGTERM)
        if stopping is not None and time.monotonic() - stopping > grace:
            kill(family(pid), signal.SIGKILL)
        # An event may have woken us: /proc is not read more often than it tells something new.
        if time.monotonic() - sampled > SAMPLE_SECONDS / 2:
            sampled = time.monotonic()
            peak = max(peak, resident_bytes(family(pid)))
            available = available_bytes()
            if available is not None:
                least_available = min(available, least_available or available)
        if time.monotonic() - looked > SHARED_SECONDS:
            looked = time.monotonic()
            shared |= shared_memory(family(pid))
        status = reap().get(pid)

    stragglers = family(pid)
    if stragglers:
        shared |= shared_memory(stragglers)
        kill(stragglers, signal.SIGTERM)
        patience = time.monotonic() + min(grace, 2)
        while family(pid) and time.monotonic() < patience:
            time.sleep(0.05)
            reap()
        for _ in range(100):
            left = family(pid)
            if not left:
                break
            kill(left, signal.SIGKILL)
            time.sleep(0.05)
            reap()
    remove_shared_memory(shared - shared_before)
    remove_scratch(mark)
    kills = out_of_memory_kills()
    peak = max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    forward(reading, events)
    say(
        events,
        "ended",
        code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        stragglers=len(stragglers),
        left=len(family(pid)),
        peak_rss_bytes=peak,
        least_available_bytes=least_available,
        out_of_memory_kills=max(kills[path] - kills_before.get(path, kills[path]) for path in kills),
    )


def received(control):
    """Whether there was something to read; at the end of file, or of the connection, there is not."""
    try:
        return bool(os.read(control, 4096))
    except OSError:
        return False


def main(arguments):
    log_file, mark, grace = arguments[0], arguments[1], float(arguments[2])
    command = arguments[arguments.index("--") + 1 :]
    log = 2 if log_file == "-" else os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    supervise(0, 1, log, mark, grace, lambda: execute(command))


if __name__ == "__main__":
    main(sys.argv[1:])
