package dev.kerneltracer.trace;

import org.jspecify.annotations.Nullable;

/// Why the scanner could not finish a value: the window ended, or the text is no JSON. Thrown once
/// per window and once per fault, so it carries no stack and can be shared.
@SuppressWarnings("StaticAssignmentOfThrowable")
final class Stop extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// The window ends inside the value.
  static final Stop WINDOW_END = new Stop(null);

  static final Stop BAD_ESCAPE = new Stop(Damage.Kind.BAD_ESCAPE);
  static final Stop BAD_SYNTAX = new Stop(Damage.Kind.BAD_SYNTAX);
  static final Stop TOO_DEEP = new Stop(Damage.Kind.TOO_DEEP);

  private final Damage.@Nullable Kind kind;

  private Stop(Damage.@Nullable Kind kind) {
    super(null, null, false, false);
    this.kind = kind;
  }

  /// The fault; null where only the window ended.
  Damage.@Nullable Kind kind() {
    return kind;
  }
}
