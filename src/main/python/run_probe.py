"""Starts the probe: python run_probe.py JOB.json

Run as a file, not by -m: that would put the user's current directory before the standard library.
"""

import sys

from kerneltracer_probe.__main__ import main

# Workers that an engine spawns import this file again, under another name.
if __name__ == "__main__":
    sys.exit(main())
