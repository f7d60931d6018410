# Runs a command in a session of its own and kills that session when standard input ends: KernelTracer holds the
# other end, so whatever kills KernelTracer, even SIGKILL, ends the command too. Passed to `python -c`.
import os
import signal
import subprocess
import sys
import threading
import time

# Ctrl-C reaches KernelTracer as well, which then closes our input.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)


def send(number):
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def end():
    send(signal.SIGTERM)
    for _ in range(20):
        if child.poll() is not None:
            break
        time.sleep(0.1)
    send(signal.SIGKILL)


def end_with_input():
    while os.read(0, 4096):
        pass
    end()


def terminated(number, frame):
    end()
    os._exit(128 + number)


signal.signal(signal.SIGTERM, terminated)
threading.Thread(target=end_with_input, daemon=True).start()
code = child.wait()
send(signal.SIGKILL)
sys.stdout.flush()
os._exit(code if code >= 0 else 128 - code)
