/// Python interpreters and environments: finding the one that runs a target, and making one where
/// there is none.
@NullMarked
package dev.kerneltracer.python;

import org.jspecify.annotations.NullMarked;
