/// What every package may use: the one exception that a user can act on, and the exit codes.
@NullMarked
package dev.kerneltracer;

import org.jspecify.annotations.NullMarked;
