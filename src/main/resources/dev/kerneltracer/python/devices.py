# ruff: noqa: E402, UP031
# What torch sees of the devices, as one marked line of JSON. Passed to `python -c` by KernelTracer.
import sys

if sys.path and sys.path[0] == "":
    del sys.path[0]

import json
import warnings

warnings.simplefilter("ignore")
import torch

answer = {
    "torch": torch.__version__,
    "cuda": torch.version.cuda,
    "hip": torch.version.hip,
    "devices": [],
    "problem": None,
}
try:
    if torch.version.cuda is None and torch.version.hip is None:
        answer["problem"] = "this torch is a CPU build"
    else:
        torch.cuda.init()
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            answer["devices"].append({"name": properties.name, "memory_bytes": properties.total_memory})
except Exception as error:
    answer["problem"] = str(error).strip().split("\n")[0]
sys.stdout.write("\nkerneltracer:" + json.dumps(answer) + "\n")
