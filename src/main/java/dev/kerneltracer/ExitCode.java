package dev.kerneltracer;

/// How a run ended, as the shell sees it.
public enum ExitCode {
  OK(0),
  JOBS_FAILED(1),
  USAGE(2),
  ENVIRONMENT(3),
  INPUT_UNREADABLE(4),
  INTERRUPTED(130);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }
}
