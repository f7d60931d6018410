/// Load on a server: what is planned to be sent and when, the client that sends it, and what came
/// back.
@NullMarked
package dev.kerneltracer.load;

import org.jspecify.annotations.NullMarked;
