"""with_hta.py FILE OUT: what HTA's users run on one rank's trace; writes the kernel time that its breakdown shows."""

import os
import sys

from hta.trace_analysis import TraceAnalysis

file, out = sys.argv[1:]
analysis = TraceAnalysis(trace_files={0: file}, trace_dir=os.path.dirname(file))
_, kernels = analysis.get_gpu_kernel_breakdown(visualize=False)
analysis.get_idle_time_breakdown(ranks=[0], visualize=False)
analysis.get_temporal_breakdown(visualize=False)
analysis.get_queue_length_summary(ranks=[0])
analysis.get_comm_comp_overlap(visualize=False)

# Copies and fills are its kernel type MEMORY.
microseconds = kernels[kernels["kernel_type"] != "MEMORY"]["sum (us)"].sum()
with open(os.path.join(out, "kernel_time_ns"), "w") as result:
    result.write(str(round(microseconds * 1000)))
