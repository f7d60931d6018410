package dev.kerneltracer.model;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Ends a download for good; [HubDownload] makes a [DownloadEnd.Failed] of it.
final class HubException extends Exception {
  private static final long serialVersionUID = 1L;

  private final DownloadEnd.Failure failure;
  private final @Nullable String hint;

  HubException(DownloadEnd.Failure failure, String reason, @Nullable String hint) {
    super(reason);
    this.failure = failure;
    this.hint = hint;
  }

  /// A failure of the disk, not of the network.
  static HubException ofDisk(IOException e, String what) {
    String reason = AtomicFile.reason(e);
    boolean full = reason.contains("No space left") || reason.contains("Disk quota exceeded");
    return full
        ? new HubException(
            DownloadEnd.Failure.NO_SPACE,
            "the disk is full",
            "Free some space and run it again: it goes on where it stopped. HF_HUB_CACHE names"
                + " another directory.")
        : new HubException(
            DownloadEnd.Failure.NOT_WRITABLE,
            "cannot write " + what + ": " + reason,
            "HF_HUB_CACHE names another directory.");
  }

  DownloadEnd.Failure failure() {
    return failure;
  }

  DownloadEnd.Failed of(String name) {
    return new DownloadEnd.Failed(name, failure, String.valueOf(getMessage()), hint);
  }
}
