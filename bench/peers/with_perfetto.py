"""with_perfetto.py FILE OUT [SHELL]: loads a trace into perfetto's trace processor and sums the kernels by name.

SHELL is a trace_processor_shell; without one the package downloads its own.
"""

import os
import sys

from perfetto.trace_processor import TraceProcessor, TraceProcessorConfig

KERNELS = """
select name, count(*) as calls, sum(dur) as total from slice where category in ('kernel', 'Kernel') group by name
"""

file, out = sys.argv[1:3]
shell = sys.argv[3] if len(sys.argv) > 3 else None
with TraceProcessor(trace=file, config=TraceProcessorConfig(bin_path=shell)) as processor:
    total = sum(row.total for row in processor.query(KERNELS))
with open(os.path.join(out, "kernel_time_ns"), "w") as result:
    result.write(str(total))
