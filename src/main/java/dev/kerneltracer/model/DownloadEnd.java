package dev.kerneltracer.model;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How the download of a model ended.
public sealed interface DownloadEnd {
  /// `org/name`
  String name();

  /// Everything that was asked for is in the cache and whole.
  ///
  /// @param commit the revision's full commit
  /// @param directory the snapshot
  /// @param files how many were asked for, and their bytes
  /// @param fetchedBytes came over the network now; the rest was there
  /// @param warnings what is worth knowing, a line each
  record Complete(
      String name,
      String commit,
      Path directory,
      int files,
      long bytes,
      long fetchedBytes,
      List<String> warnings)
      implements DownloadEnd {}

  /// It is not all there; what has come stays and is not fetched again.
  ///
  /// @param reason one line, without the name
  /// @param hint what to do; null where nothing helps
  record Failed(String name, Failure failure, String reason, @Nullable String hint)
      implements DownloadEnd {
    /// The reason and what to do, in one line, without the name.
    public String text() {
      return hint == null ? reason : reason + ". " + hint;
    }

    /// For a command that can do nothing without this model.
    public UserException toException() {
      ExitCode code =
          switch (failure) {
            case GATED, NOT_FOUND, CORRUPT, OFFLINE, UNREACHABLE, TIMEOUT ->
                ExitCode.INPUT_UNREADABLE;
            case BAD_TOKEN, NO_SPACE, NOT_WRITABLE -> ExitCode.ENVIRONMENT;
          };
      return new UserException(code, name + ": " + reason, hint);
    }
  }

  /// Why it is not there.
  enum Failure {
    /// The hub asks the user to accept terms first, or has not granted access yet.
    GATED,
    /// No such model, revision or file, or a private one that the hub hides.
    NOT_FOUND,
    /// The hub does not know the token, or it may not read this model.
    BAD_TOKEN,
    /// Not in the cache, and the network must not be used.
    OFFLINE,
    /// The hub does not answer, or answers with errors, for longer than is waited.
    UNREACHABLE,
    /// The time for this model is over.
    TIMEOUT,
    /// What the server sends is not what the hub names.
    CORRUPT,
    /// The disk is too small.
    NO_SPACE,
    /// The cache cannot be written.
    NOT_WRITABLE;

    /// The name as files spell it.
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /// Whether the same request can end otherwise a little later, with nothing done about it.
    public boolean mayPass() {
      return this == UNREACHABLE || this == TIMEOUT || this == CORRUPT;
    }
  }
}
