package dev.kerneltracer.load;

import dev.kerneltracer.load.RequestResult.Status;

/// Why a request did not end well.
final class HttpFailure extends Exception {
  private static final long serialVersionUID = 1L;

  private final Status status;
  private final String reason;

  HttpFailure(Status status, String message) {
    super(message, null, false, false);
    this.status = status;
    this.reason = message;
  }

  /// What happened, in a line.
  String reason() {
    return reason;
  }

  Status status() {
    return status;
  }
}
