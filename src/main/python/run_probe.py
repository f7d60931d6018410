"""Starts the probe: python run_probe.py JOB.json, or python run_probe.py --warm SOCKET

Run as a file, not by -m: that would put the user's current directory before the standard library.
"""

import sys

# Workers that an engine spawns import this file again, under another name.
if __name__ == "__main__":
    if sys.argv[1] == "--warm":
        from kerneltracer_probe.warm import main

        sys.exit(main())
    from kerneltracer_probe.__main__ import leave, main

    leave(main())
