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
  /// The call of a module that an annotation marks: `kerneltracer.module PATH CLASS`.
  MODULE,
  /// Kineto's own row over the whole profile.
  PROFILER_SPAN,
  OTHER;

  /// No `cat` that a trace has: what a mark is told by is its name, as torch writes fast
  /// annotations among the operators.
  static final String MODULE_MARK = "(kerneltracer.module)";

  /// The category of the text in `cat`, which is taken as it stands. Only runtime rows (the calls
  /// that launch) may be written in any case: `cuda_runtime`, `cuda_driver`, `Runtime`, `Driver`,
  /// or anything that ends in `_runtime` or `_driver`.
  static Category of(String text) {
    return switch (text) {
      case "cpu_op", "Operator" -> OPERATOR;
      case "user_annotation" -> ANNOTATION;
      case "gpu_user_annotation" -> GPU_ANNOTATION;
      case "kernel", "Kernel" -> KERNEL;
      case "gpu_memcpy", "Memcpy" -> MEMCPY;
      case "gpu_memset", "Memset" -> MEMSET;
      case "python_function" -> PYTHON_FUNCTION;
      case MODULE_MARK -> MODULE;
      case "Trace" -> PROFILER_SPAN;
      default -> isRuntime(text.toLowerCase(Locale.ROOT)) ? RUNTIME : OTHER;
    };
  }

  private static boolean isRuntime(String name) {
    return name.equals("runtime")
        || name.equals("driver")
        || name.endsWith("_runtime")
        || name.endsWith("_driver");
  }

  /// Work of a device's stream: a kernel, a copy or a fill.
  public boolean isDeviceWork() {
    return this == KERNEL || this == MEMCPY || this == MEMSET;
  }
}
