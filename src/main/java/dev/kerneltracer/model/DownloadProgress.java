package dev.kerneltracer.model;

import java.util.ArrayDeque;
import java.util.Deque;

/// How far the downloads of one [HubDownload] are; asked by whoever shows it, as often as it likes.
///
/// @param files of all models so far begun
/// @param filesDone of them
/// @param bytes of all files
/// @param bytesDone are in the cache, fetched now or before
/// @param bytesPerSecond over the network, in the last ten seconds
/// @param note the last thing worth saying, such as what is waited for; empty where all goes well
public record DownloadProgress(
    int files, int filesDone, long bytes, long bytesDone, long bytesPerSecond, String note) {

  /// Seconds until all bytes are here at the present rate; negative where that cannot be told.
  public long secondsLeft() {
    return bytesPerSecond <= 0 ? -1 : (bytes - bytesDone + bytesPerSecond - 1) / bytesPerSecond;
  }

  /// The counters, changed by many threads.
  static final class Counter {
    private static final long WINDOW_NS = 10_000_000_000L;
    private static final long SAMPLE_NS = 200_000_000L;
    private static final long NOTE_NS = 5_000_000_000L;

    private record Sample(long timeNs, long fetchedBytes) {}

    private final Deque<Sample> samples = new ArrayDeque<>();
    private int files;
    private int filesDone;
    private long bytes;
    private long bytesDone;
    private long fetchedBytes;
    private String note = "";
    private long noteNs;

    synchronized void plan(int moreFiles, long moreBytes) {
      files += moreFiles;
      bytes += moreBytes;
    }

    /// One file of a model that has failed, so that the others can reach their end.
    synchronized void drop(int done, long size, long here) {
      files--;
      filesDone -= done;
      bytes -= size;
      bytesDone -= here;
    }

    /// Bytes that are here, or, less than 0, are not any more.
    synchronized void here(long moreBytes) {
      bytesDone += moreBytes;
    }

    synchronized void fetched(long moreBytes) {
      bytesDone += moreBytes;
      fetchedBytes += moreBytes;
      long nowNs = System.nanoTime();
      Sample last = samples.peekLast();
      if (last == null || nowNs - last.timeNs() >= SAMPLE_NS) {
        samples.addLast(new Sample(nowNs, fetchedBytes));
      }
    }

    synchronized void fileDone() {
      filesDone++;
    }

    synchronized void say(String text) {
      note = text;
      noteNs = System.nanoTime();
    }

    synchronized DownloadProgress now() {
      long nowNs = System.nanoTime();
      while (!samples.isEmpty() && nowNs - samples.getFirst().timeNs() > WINDOW_NS) {
        samples.removeFirst();
      }
      long rate = 0;
      if (samples.size() > 1) {
        Sample first = samples.getFirst();
        long spanNs = Math.max(SAMPLE_NS, nowNs - first.timeNs());
        rate = (long) ((fetchedBytes - first.fetchedBytes()) * 1e9 / spanNs);
      }
      return new DownloadProgress(
          files, filesDone, bytes, bytesDone, rate, nowNs - noteNs < NOTE_NS ? note : "");
    }
  }
}
