package dev.kerneltracer.model;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// The network or a server failed in a way that may be over in a moment.
final class TransientFailure extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient @Nullable Duration wait;

  TransientFailure(String reason) {
    this(reason, null);
  }

  /// @param wait how long the server asks to be left alone; null where it does not say
  TransientFailure(String reason, @Nullable Duration wait) {
    super(reason);
    this.wait = wait;
  }

  @Nullable Duration waitAsked() {
    return wait;
  }
}
