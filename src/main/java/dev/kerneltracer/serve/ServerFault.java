package dev.kerneltracer.serve;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Why a server did not come up, or went down, as its log tells.
///
/// @param text the line of the log that says it
public record ServerFault(Kind kind, String text) {
  /// What the user can do differs by these.
  public enum Kind {
    PORT_TAKEN(
        "Choose another --port, or leave it out for a free one. See kerneltracer env doctor --port N."),
    OUT_OF_MEMORY(
        "Use a smaller --max-model-len, another --gpu-memory-utilization, or --tensor-parallel-size N."),
    UNKNOWN_ARGUMENT("See the arguments of the installed vLLM: vllm serve --help."),
    UNSUPPORTED_MODEL("A newer vLLM may know it; Transformers may run it: kerneltracer trace."),
    ENGINE_DIED("The log has the frames.");

    private final String hint;

    Kind(String hint) {
      this.hint = hint;
    }

    public String hint() {
      return hint;
    }
  }

  private record Sign(Kind kind, Pattern pattern) {
    Sign(Kind kind, String pattern) {
      this(kind, Pattern.compile(pattern));
    }
  }

  // The first that fits a line says what it is.
  private static final List<Sign> SIGNS =
      List.of(
          new Sign(Kind.PORT_TAKEN, "Address already in use|address already in use"),
          new Sign(
              Kind.OUT_OF_MEMORY,
              "CUDA out of memory|HIP out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED"
                  + "|No available memory for the cache blocks|Free memory on device"
                  + "|is larger than the (?:maximum number of tokens that can be stored in|available) KV cache"
                  + "|larger than the available KV cache memory|Not enough memory|std::bad_alloc"
                  + "|not enough memory|Cannot allocate memory"),
          new Sign(
              Kind.UNKNOWN_ARGUMENT,
              "error: (?:unrecognized arguments|argument |ambiguous option|the following arguments)"),
          new Sign(
              Kind.UNSUPPORTED_MODEL,
              "Model architectures \\[.*\\] (?:are not supported|failed to be inspected)"
                  + "|has no vLLM implementation|does not recognize this architecture"
                  + "|does not support .*(?:generate|generation)|is not supported on .* platform"),
          new Sign(
              Kind.ENGINE_DIED,
              "EngineDeadError|EngineCore encountered a fatal error|died unexpectedly"
                  + "|Engine core initialization failed|EngineCore failed to start"
                  + "|WorkerProc initialization failed|AsyncLLM output_handler failed"));

  // (EngineCore pid=9675) ERROR 11-25 14:34:43 [core.py:123]
  private static final Pattern PREFIX =
      Pattern.compile(
          "^(?:\\([^)]{1,60}\\) ?)?(?:(ERROR|INFO|WARNING|DEBUG|CRITICAL) [-0-9]+ [:0-9]+ (?:\\[[^\\]]*\\] ?)+)?");
  private static final Pattern EXCEPTION =
      Pattern.compile("^((?:\\w+\\.)*\\w*(?:Error|Exception|Interrupt)): (.+)$");
  private static final Pattern FRAME =
      Pattern.compile(
          "Engine core initialization failed|WorkerProc initialization failed|See stack trace"
              + "|root cause|EngineDeadError|cancelled");

  /// What a line of the log says went wrong; null for nothing known.
  static @Nullable ServerFault of(String line) {
    String level = level(line);
    if (level.equals("INFO") || level.equals("WARNING") || level.equals("DEBUG")) {
      return null;
    }
    for (Sign sign : SIGNS) {
      if (sign.pattern().matcher(line).find()) {
        return new ServerFault(sign.kind(), shown(line));
      }
    }
    return null;
  }

  /// The exception that a line ends with, where it is more than the frame of another.
  static @Nullable String exception(String line) {
    String text = message(line).strip();
    Matcher matcher = EXCEPTION.matcher(text);
    return matcher.find() && !FRAME.matcher(text).find() ? text : null;
  }

  /// A line without what the log puts before it.
  static String message(String line) {
    return PREFIX.matcher(line).replaceFirst("");
  }

  private static String level(String line) {
    Matcher matcher = PREFIX.matcher(line);
    return matcher.find() && matcher.group(1) != null ? matcher.group(1) : "";
  }

  private static String shown(String line) {
    String text = message(line).strip();
    int error = text.indexOf("error: ");
    String plain = error >= 0 ? text.substring(error + "error: ".length()) : text;
    return plain.length() > 600 ? plain.substring(0, 600) + "…" : plain;
  }
}
