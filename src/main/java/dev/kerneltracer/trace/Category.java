package dev.kerneltracer.trace;

import java.util.Locale;

/// What kind of thing a row is, whatever the age of the Kineto that named it.
public enum Category {
  OPERATOR,
  ANNOTATION,
  GPU_ANNOTATION,
  RUNTIME,
  KERNEL,
  MEMCPY,
  MEMSET,
  PYTHON_FUNCTION,
  /// Kineto's own row over the whole profile.
  PROFILER_SPAN,
  OTHER;

  /// The category of the text in `cat`. Runtime rows (the calls that launch) are `cuda_runtime`,
  /// `cuda_driver`, `Runtime`, `Driver` in any case, or anything that ends in `_runtime` or
  /// `_driver`.
  static Category of(String text) {
    String name = text.toLowerCase(Locale.ROOT);
    return switch (name) {
      case "cpu_op", "operator" -> OPERATOR;
      case "user_annotation" -> ANNOTATION;
      case "gpu_user_annotation" -> GPU_ANNOTATION;
      case "kernel" -> KERNEL;
      case "gpu_memcpy", "memcpy" -> MEMCPY;
      case "gpu_memset", "memset" -> MEMSET;
      case "python_function" -> PYTHON_FUNCTION;
      case "trace" -> PROFILER_SPAN;
      case "runtime", "driver" -> RUNTIME;
      default -> name.endsWith("_runtime") || name.endsWith("_driver") ? RUNTIME : OTHER;
    };
  }

  /// Work of a device's stream: a kernel, a copy or a fill.
  public boolean isDeviceWork() {
    return this == KERNEL || this == MEMCPY || this == MEMSET;
  }
}
