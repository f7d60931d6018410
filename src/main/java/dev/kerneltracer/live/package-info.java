/// A watched vLLM: event files to state, tables, metrics and advice. Nothing here draws on a
/// terminal.
@NullMarked
package dev.kerneltracer.live;

import org.jspecify.annotations.NullMarked;
