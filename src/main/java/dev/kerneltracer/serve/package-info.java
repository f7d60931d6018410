/// A vLLM server: its life from the command line to its end, profile windows while it is under
/// load, and what its own metrics say of each second.
@NullMarked
package dev.kerneltracer.serve;

import org.jspecify.annotations.NullMarked;
