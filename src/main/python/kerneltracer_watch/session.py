"""The session directory of a server: the first of its processes claims it, the others find it in their environment."""

import json
import os
import socket
import time

# Set for the children of the process that claimed a session.
JOINED = "KERNELTRACER_WATCH_JOINED"
MOST_SESSIONS = 10000


def join(settings):
    """The directory of this process's server, claimed where it is the server's first."""
    joined = os.environ.get(JOINED)
    if joined and os.path.isfile(os.path.join(joined, "session.json")):
        return joined
    wanted = settings.session or os.path.join(settings.directory, time.strftime("session_%Y%m%d_%H%M%S"))
    for number in range(1, MOST_SESSIONS):
        path = wanted if number == 1 else f"{wanted}_{number}"
        if _claim(path, settings.tables):
            os.environ[JOINED] = path
            return path
    raise OSError(f"no session directory is free: {wanted}")


def _claim(path, tables):
    os.makedirs(os.path.join(path, "events"), exist_ok=True)
    name = os.path.join(path, "session.json")
    own = {
        "start_wall_ns": time.time_ns(),
        "start_monotonic_ns": time.monotonic_ns(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "probe": 1,
        "tables": tables,
    }
    # Written beside and linked, so that nobody ever reads half of it.
    draft = f"{name}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8") as file:
        json.dump(own, file)
    try:
        os.link(draft, name)
        return True
    except FileExistsError:
        if _abandoned(path, name):
            os.replace(draft, name)
            return True
        return False
    finally:
        if os.path.exists(draft):
            os.remove(draft)


def _abandoned(path, name):
    """Whether it was claimed by a process that ended before its engine started, such as `vllm --version`."""
    try:
        with open(name, encoding="utf-8") as file:
            owner = json.load(file)
        if os.path.exists(os.path.join(path, "metadata.json")) or owner["host"] != socket.gethostname():
            return False
        os.kill(owner["pid"], 0)
        return False
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError):
        return False


def start_ns(path):
    """The zero of all tables, on the monotonic clock."""
    with open(os.path.join(path, "session.json"), encoding="utf-8") as file:
        return json.load(file)["start_monotonic_ns"]


def write_atomically(path, text):
    draft = f"{path}.{os.getpid()}.part"
    with open(draft, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, path)
