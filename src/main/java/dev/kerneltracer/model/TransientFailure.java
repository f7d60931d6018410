package dev.kerneltracer.model;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// The network or a server failed in a way that may be over in a moment.
final class TransientFailure extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient @Nullable Duration wait;
  private final boolean unreached;

  TransientFailure(String reason) {
    this(reason, null);
  }

  private TransientFailure(String reason, @Nullable Duration wait, boolean unreached) {
    super(reason);
    this.wait = wait;
    this.unreached = unreached;
  }

  /// There is no such host, or nobody listens: seldom a matter of seconds.
  static TransientFailure unreached(String reason) {
    return new TransientFailure(reason, null, true);
  }

  /// @param wait how long the server asks to be left alone; null where it does not say
  TransientFailure(String reason, @Nullable Duration wait) {
    this(reason, wait, false);
  }

  boolean isUnreached() {
    return unreached;
  }

  @Nullable Duration waitAsked() {
    return wait;
  }
}
