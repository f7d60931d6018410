package dev.kerneltracer.tracer;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.python.ProbeEvent;
import dev.kerneltracer.python.ProcessEnd;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Why a job ended, judged by evidence: what the probe reported, how the process went, and what the
/// kernel counted.
///
/// @param exitCode where the command line or the environment is at fault and no other job can go
///   better; else null
public record JobEnd(
    Outcome outcome, String reason, @Nullable ExitCode exitCode, @Nullable String hint) {
  static final JobEnd SUCCESS = new JobEnd(Outcome.SUCCESS, "", null, null);

  private static final int SIGKILL = 9;
  private static final Map<Integer, String> SIGNALS =
      Map.of(
          3, "SIGQUIT", 4, "SIGILL", 6, "SIGABRT", 7, "SIGBUS", 8, "SIGFPE", 9, "SIGKILL", 11,
          "SIGSEGV", 13, "SIGPIPE", 15, "SIGTERM", 24, "SIGXCPU");

  public static JobEnd of(
      ProcessEnd end, @Nullable ProbeEvent error, String phase, Duration timeout) {
    if (end.timedOut()) {
      return of(
          Outcome.TIMEOUT,
          "no end within " + timeout.toSeconds() + " s (--timeout); it was in phase " + phase);
    }
    if (error != null) {
      return reported(error, end);
    }
    if (end.succeeded()) {
      return SUCCESS;
    }
    Integer signal = end.signal();
    if (signal != null && signal == SIGKILL) {
      return of(Outcome.KILLED, killed(end, phase));
    }
    if (signal != null) {
      return of(
          Outcome.CRASHED,
          "crashed by "
              + SIGNALS.getOrDefault(signal, "signal " + signal)
              + " in phase "
              + phase
              + "; the Python frames are in "
              + JobDirectory.LOG);
    }
    if (end.exitCode() != null) {
      return of(
          Outcome.CRASHED,
          "ended with exit code "
              + end.exitCode()
              + " in phase "
              + phase
              + " and no word why; see "
              + JobDirectory.LOG);
    }
    return of(Outcome.KILLED, "its supervisor was killed in phase " + phase);
  }

  private static JobEnd of(Outcome outcome, String reason) {
    return new JobEnd(outcome, reason, null, null);
  }

  /// Signal 9: the OOM killer where the kernel counted a kill meanwhile, else somebody.
  private static String killed(ProcessEnd end, String phase) {
    String memory =
        "it had "
            + gib(end.peakRssBytes())
            + " resident"
            + (end.leastAvailableBytes() > 0
                ? ", the machine " + gib(end.leastAvailableBytes()) + " left"
                : "");
    return end.outOfMemoryKills() > 0
        ? "killed by the kernel's out-of-memory killer in phase " + phase + ": " + memory
        : "killed by SIGKILL from outside in phase " + phase + "; " + memory;
  }

  private static JobEnd reported(ProbeEvent error, ProcessEnd end) {
    String message = oneLine(error.text("message"));
    return switch (error.text("kind")) {
      case "usage" ->
          new JobEnd(Outcome.FAILED, message, ExitCode.USAGE, "See kerneltracer trace --help.");
      case "environment" ->
          new JobEnd(
              Outcome.FAILED,
              message,
              ExitCode.ENVIRONMENT,
              "kerneltracer env doctor says what is there and what is missing.");
      case "failed" -> of(Outcome.FAILED, exception(error, message, end));
      default -> of(Outcome.of(error.text("kind")), message);
    };
  }

  private static String exception(ProbeEvent error, String message, ProcessEnd end) {
    String type = error.text("type");
    if (type.equals("JobError")) {
      return message;
    }
    boolean memory = type.equals("MemoryError") || message.contains("can't allocate memory");
    int last = error.fields().path("frames").size() - 1;
    String place =
        last < 0 ? "" : " (" + error.fields().path("frames").path(last).asString("") + ")";
    return (memory ? "out of host memory at " + gib(end.peakRssBytes()) + " resident: " : "")
        + type
        + ": "
        + message
        + place;
  }

  private static String oneLine(String text) {
    String line = text.strip().replaceAll("\\s*\\R\\s*", " ");
    return line.length() <= 500 ? line : line.substring(0, 499) + "…";
  }

  private static String gib(long bytes) {
    return String.format(java.util.Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
