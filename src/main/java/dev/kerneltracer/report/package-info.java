/// Tables to files.
@NullMarked
package dev.kerneltracer.report;

import org.jspecify.annotations.NullMarked;
