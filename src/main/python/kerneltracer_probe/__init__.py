"""The part of KernelTracer that lives in the traced process.

It builds the model, runs it under one tracer and writes what was recorded; it never analyses.
Nothing here is installed: the directory is put on PYTHONPATH. Python >= 3.10, torch >= 2.2,
Transformers >= 4.40.
"""
