/// What every package may use: the one exception that a user can act on, the exit codes, whole
/// files and claims.
@NullMarked
package dev.kerneltracer;

import org.jspecify.annotations.NullMarked;
