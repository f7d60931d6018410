/// Tables to the terminal, CSV and JSON.
@NullMarked
package dev.kerneltracer.report;

import org.jspecify.annotations.NullMarked;
