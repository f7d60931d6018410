package dev.kerneltracer.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Follows vLLM's log while it is written: how far the server is, and what went wrong.
final class ServerLog {
  private static final int MOST_AT_ONCE = 1 << 20;
  private static final int LONGEST_LINE = 1 << 16;

  /// @param text with `$1` for what the pattern found
  private record Stage(Pattern pattern, String text) {
    Stage(String pattern, String text) {
      this(Pattern.compile(pattern), text);
    }
  }

  private static final List<Stage> STAGES =
      List.of(
          new Stage("Loading .*?checkpoint shards: .*?(\\d+/\\d+)", "loading weights $1"),
          new Stage("Capturing CUDA graph.*?(\\d+/\\d+)", "capturing CUDA graphs $1"),
          new Stage("Capturing CUDA graph|Capturing the model for CUDA", "capturing CUDA graphs"),
          new Stage("Starting to load model|Loading model", "loading the model"),
          new Stage(
              "Dynamo bytecode transform|Compiling a graph|torch\\.compile takes|Start compiling|Warming up model for the compilation",
              "compiling"),
          new Stage("KV cache size: ([\\d,]+) tokens", "KV cache of $1 tokens, warming up"),
          new Stage("init engine \\(", "warmed up"),
          new Stage("Initializing a V1 LLM engine", "starting the engine"),
          new Stage("Starting vLLM (?:API )?server", "listening"),
          new Stage("Available routes are", "listening"));

  private final Path file;
  private long position;
  private final StringBuilder open = new StringBuilder();
  private String stage = "starting";
  private @Nullable ServerFault fault;
  private @Nullable String exception;

  ServerLog(Path file) {
    this.file = file;
  }

  /// Reads what was written since the last time.
  synchronized void read() {
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      while (position < size) {
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(MOST_AT_ONCE, size - position));
        int read = channel.read(bytes, position);
        if (read <= 0) {
          return;
        }
        position += read;
        take(new String(bytes.array(), 0, read, StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      // Not there yet: the next time.
    }
  }

  private void take(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      // A progress bar writes over its line.
      if (c == '\n' || c == '\r') {
        line(open.toString());
        open.setLength(0);
      } else if (open.length() < LONGEST_LINE) {
        open.append(c);
      }
    }
  }

  /// Takes one line.
  void line(String line) {
    for (Stage known : STAGES) {
      Matcher matcher = known.pattern().matcher(line);
      if (matcher.find()) {
        stage =
            matcher.groupCount() == 0 ? known.text() : known.text().replace("$1", matcher.group(1));
        break;
      }
    }
    ServerFault found = ServerFault.of(line);
    if (found != null && (fault == null || found.kind().compareTo(fault.kind()) < 0)) {
      fault = found;
    }
    if (exception == null) {
      exception = ServerFault.exception(line);
    }
  }

  /// What the server is doing, in words.
  synchronized String stage() {
    return stage;
  }

  /// What went wrong; of several lines the one that says most. Null where none says anything.
  synchronized @Nullable ServerFault fault() {
    if (fault != null && fault.kind() == ServerFault.Kind.ENGINE_DIED && exception != null) {
      return new ServerFault(fault.kind(), exception);
    }
    return fault == null && exception != null
        ? new ServerFault(ServerFault.Kind.ENGINE_DIED, exception)
        : fault;
  }
}
