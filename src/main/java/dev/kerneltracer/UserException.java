package dev.kerneltracer;

import org.jspecify.annotations.Nullable;

/// A failure that the user can act on: what happened to which thing, what to do next, and the exit
/// code. `Main` alone catches it; any other exception is a bug.
public final class UserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ExitCode exitCode;
  private final @Nullable String hint;

  public UserException(ExitCode exitCode, String message, @Nullable String hint) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }

  public UserException(
      ExitCode exitCode, String message, @Nullable String hint, @Nullable Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
    this.hint = hint;
  }

  public ExitCode exitCode() {
    return exitCode;
  }

  /// The next thing to do, a line or two; null where there is none.
  public @Nullable String hint() {
    return hint;
  }
}
