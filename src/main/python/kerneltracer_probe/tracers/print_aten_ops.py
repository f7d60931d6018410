"""AOTAutograd's graphs: ATen operators, functional and of known shapes, of the forward and backward pass."""

import os
import time

from ..graphs import Forward, require_dynamo
from ..report import event, phase


def trace(workload, spec, directory):
    require_dynamo()
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd

    graphs = []

    def recorder(kind):
        def record(module, _inputs):
            text = module.print_readable(print_output=False).strip()
            graphs.append(f"===== Graph {len(graphs)} =====\n# {kind}, {forward.phase}\n{text}\n")
            return make_boxed_func(module.forward)

        return record

    backend = aot_autograd(
        fw_compiler=recorder("forward"), bw_compiler=recorder("backward"), inference_compiler=recorder("inference")
    )
    forward = Forward(workload, backend)
    phase("tracing")
    started = time.monotonic()
    forward.run()
    event("traced", seconds=time.monotonic() - started)
    phase("writing")
    path = os.path.join(directory, "print_aten.txt")
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.write("\n".join(graphs))
        if forward.breaks:
            # What runs between the graphs, and functions left to Python, is in none of them.
            file.write("\n===== Graph breaks =====\n")
            file.writelines(f"# {row['phase']}, {row['location'] or '?'}: {row['reason']}\n" for row in forward.breaks)
    os.replace(path + ".partial", path)
