package dev.kerneltracer.cli;

import dev.kerneltracer.model.DownloadProgress;
import dev.kerneltracer.report.Amount;

/// A download's progress in a line.
final class DownloadText {
  private DownloadText() {}

  static void show(ProgressLine line, DownloadProgress progress) {
    if (progress.files() > 0 || !progress.note().isEmpty()) {
      line.show(text(progress));
    }
  }

  /// As `3/12 files, 1.21 GiB of 14.2 GiB, 98.3 MiB/s, about 2:15 left`.
  static String text(DownloadProgress progress) {
    StringBuilder text = new StringBuilder();
    if (progress.files() > 0) {
      text.append(progress.filesDone())
          .append('/')
          .append(progress.files())
          .append(" files, ")
          .append(Amount.bytes(progress.bytesDone()))
          .append(" of ")
          .append(Amount.bytes(progress.bytes()));
    }
    if (progress.bytesPerSecond() > 0 && progress.bytesDone() < progress.bytes()) {
      text.append(", ").append(Amount.bytes(progress.bytesPerSecond())).append("/s, about ");
      text.append(ProgressLine.clock(progress.secondsLeft() * 1_000_000_000L)).append(" left");
    }
    if (!progress.note().isEmpty()) {
      text.append(text.isEmpty() ? "" : "; ").append(progress.note());
    }
    return text.toString();
  }
}
