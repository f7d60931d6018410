/// From a trace file's bytes to columns to links. Knows Chrome traces as PyTorch's Kineto writes
/// them, and nothing of language models.
///
/// The way through: [TraceReader] opens the file, [TraceScanner] walks the inflated bytes,
/// [EventParser] reads one event, [Events] keeps it in columns, [TraceLinks] joins the rows.
@NullMarked
package dev.kerneltracer.trace;

import org.jspecify.annotations.NullMarked;
