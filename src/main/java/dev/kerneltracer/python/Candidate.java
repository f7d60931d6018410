package dev.kerneltracer.python;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// One interpreter that was looked at.
///
/// @param executable as it was found
/// @param interpreter what it answered, null where it did not
/// @param reason why it does not serve, in words that follow its name; null where it does
public record Candidate(
    Origin origin, Path executable, @Nullable Interpreter interpreter, @Nullable String reason) {
  public boolean serves() {
    return reason == null && interpreter != null;
  }
}
