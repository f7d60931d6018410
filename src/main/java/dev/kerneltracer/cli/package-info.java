/// Commands (one class per verb), the terminal and exit codes.
@NullMarked
package dev.kerneltracer.cli;

import org.jspecify.annotations.NullMarked;
