package dev.kerneltracer.load;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.io.JsonStringEncoder;

/// `requests.jsonl`: a line for each request as soon as it has ended, so that a run that is killed
/// leaves what it had. Where the disk is full, whole lines stay and the rest is not written; the
/// run goes on.
final class RequestsFile implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;
  private long wholeBytes;
  private @Nullable String failure;

  private RequestsFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Begins the file anew, with its directory.
  ///
  /// @throws UserException where that cannot be
  static RequestsFile create(Path file) {
    try {
      Files.createDirectories(file.toAbsolutePath().resolveSibling(""));
      return new RequestsFile(
          file,
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE,
              StandardOpenOption.TRUNCATE_EXISTING));
    } catch (IOException e) {
      throw new UserException(
          ExitCode.JOBS_FAILED,
          "cannot write " + file + ": " + AtomicFile.reason(e),
          "Choose another --output-dir.",
          e);
    }
  }

  /// Adds a line, or does nothing once that has failed.
  void add(RequestResult result) {
    if (failure != null) {
      return;
    }
    try {
      ByteBuffer bytes = ByteBuffer.wrap(line(result).getBytes(StandardCharsets.UTF_8));
      long length = bytes.remaining();
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      wholeBytes += length;
    } catch (IOException e) {
      failure = "cannot write all of " + file + ": " + AtomicFile.reason(e);
      try {
        channel.truncate(wholeBytes);
      } catch (IOException truncating) {
        e.addSuppressed(truncating); // half a line stays: readers pass it over
      }
    }
  }

  /// Why lines are missing, null where none is.
  @Nullable String failure() {
    return failure;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      failure = failure == null ? "cannot write all of " + file + ": " + e.getMessage() : failure;
    }
  }

  static String line(RequestResult result) {
    StringBuilder json = new StringBuilder(256 + 14 * result.tokenTimesNs().size());
    json.append("{\"id\":").append(result.id()).append(",\"class\":");
    text(json, result.requestClass());
    json.append(",\"intended_start_ns\":").append(result.intendedStartNs());
    time(json, "start_ns", result.startNs());
    time(json, "first_token_ns", result.firstTokenNs());
    json.append(",\"token_times_ns\":[");
    boolean further = false;
    for (long time : result.tokenTimesNs()) {
      json.append(further ? "," : "").append(time);
      further = true;
    }
    json.append(']');
    time(json, "end_ns", result.endNs());
    json.append(",\"prompt_tokens\":").append(result.promptTokens());
    json.append(",\"output_tokens\":").append(result.outputTokens());
    json.append(",\"status\":\"").append(result.status().word()).append("\",\"error\":");
    text(json, result.error());
    return json.append("}\n").toString();
  }

  private static void time(StringBuilder json, String key, long ns) {
    json.append(",\"").append(key).append("\":").append(ns < 0 ? "null" : String.valueOf(ns));
  }

  private static void text(StringBuilder json, @Nullable String text) {
    if (text == null) {
      json.append("null");
    } else {
      json.append('"');
      JsonStringEncoder.getInstance().quoteAsString(text, json);
      json.append('"');
    }
  }
}
