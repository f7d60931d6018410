/// What a tracer leaves of a run: its result files.
@NullMarked
package dev.kerneltracer.tracer;

import org.jspecify.annotations.NullMarked;
