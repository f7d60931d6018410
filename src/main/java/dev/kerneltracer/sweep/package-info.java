/// Controlled batching experiments: one engine runs batches of exact sizes, chosen steps are
/// profiled alone, and their operators are told apart by the modules that call them.
@NullMarked
package dev.kerneltracer.sweep;

import org.jspecify.annotations.NullMarked;
