"""Dynamo's FX graphs: every graph that torch.compile would hand to a compiler, and every break between them."""

import os
import time

from ..graphs import Forward, nodes, require_dynamo
from ..report import event, phase, write_json


def trace(workload, spec, directory):
    require_dynamo()
    graphs = []

    def record(module, _inputs):
        forward.collect()
        graphs.append({"graph": len(graphs), "phase": forward.phase, "nodes": nodes(module.graph)})
        return module.forward

    forward = Forward(workload, record)
    phase("tracing")
    started = time.monotonic()
    forward.run()
    event("traced", seconds=time.monotonic() - started)
    phase("writing")
    if len(graphs) == 1 and not forward.breaks:
        result = {"type": "fx_graph", **graphs[0]}
    else:
        result = {"type": "fx_graphs", "graphs": graphs, "breaks": forward.breaks}
    write_json(os.path.join(directory, "print_fx.json"), result)
