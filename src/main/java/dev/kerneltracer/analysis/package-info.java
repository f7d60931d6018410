/// From the columns and links of a trace to tables. All times are exact, in nanoseconds.
@NullMarked
package dev.kerneltracer.analysis;

import org.jspecify.annotations.NullMarked;
