/// Many models by many tracers: which jobs there are, where and when each runs, and what is tried
/// again.
@NullMarked
package dev.kerneltracer.batch;

import org.jspecify.annotations.NullMarked;
