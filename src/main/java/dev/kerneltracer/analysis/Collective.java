package dev.kerneltracer.analysis;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The operations in which several devices take part, with the factor from bytes over time to bus
/// bandwidth: nccl-tests, doc/PERFORMANCE.md. There as here the size of an operation is the larger
/// of what each rank puts in and gets out.
enum Collective {
  ALL_REDUCE,
  REDUCE_SCATTER,
  ALL_GATHER,
  ALL_TO_ALL,
  BROADCAST,
  SEND_RECV,
  BARRIER,
  REDUCE,
  GATHER,
  SCATTER,
  /// A kernel of a library for collectives whose name does not say which.
  OTHER;

  String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// How many bytes cross each rank's link per byte of the operation, among `ranks`; negative where
  /// it has no such measure.
  double busFactor(int ranks) {
    double others = ranks - 1.0;
    return switch (this) {
      case ALL_REDUCE -> 2 * others / ranks;
      case REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, GATHER, SCATTER -> others / ranks;
      case BROADCAST, REDUCE, SEND_RECV -> 1;
      case BARRIER, OTHER -> -1;
    };
  }

  /// The operation that a kernel is; null for a kernel that is none. Knows NCCL, RCCL, the kernels
  /// of vLLM, SGLang, FlashInfer and TensorRT-LLM, PyTorch's symmetric memory, DeepEP and MSCCL++.
  static @Nullable Collective ofKernel(String kernel) {
    String function = kernel.replace("(anonymous namespace)", "");
    int template = function.indexOf('<');
    int arguments = function.indexOf('(');
    int end = template < 0 ? arguments : arguments < 0 ? template : Math.min(template, arguments);
    String name = squeezed(end < 0 ? function : function.substring(0, end));
    @Nullable Collective named =
        name.contains("crossdevicereduce") || name.contains("multimemreduce")
            ? ALL_REDUCE
            : named(name);
    boolean library = name.contains("nccl") || name.contains("rccl") || name.contains("mscclpp");
    if (library) {
      return named == null ? ofPart(name) : named;
    }
    if (kernel.contains("deep_ep::")) {
      return name.contains("dispatch") || name.contains("combine") ? ALL_TO_ALL : OTHER;
    }
    return named;
  }

  /// The operation that the name of an operator or annotation, or `Collective name`, speaks of;
  /// null for none.
  static @Nullable Collective of(String text) {
    String name = squeezed(text);
    return named(name) == null ? ofPart(name) : named(name);
  }

  private static String squeezed(String text) {
    StringBuilder out = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '_' && c != '-' && c != ' ') {
        out.append(Character.toLowerCase(c));
      }
    }
    return out.toString();
  }

  /// By words that mean nothing else.
  private static @Nullable Collective named(String name) {
    if (name.contains("allreduce")) {
      return ALL_REDUCE;
    }
    if (name.contains("reducescatter")) {
      return REDUCE_SCATTER;
    }
    if (name.contains("allgather")) {
      return ALL_GATHER;
    }
    return name.contains("alltoall") || name.contains("all2all") ? ALL_TO_ALL : null;
  }

  /// By words that mean other things elsewhere.
  private static Collective ofPart(String name) {
    if (name.contains("broadcast")) {
      return BROADCAST;
    }
    if (name.contains("send") || name.contains("recv")) {
      return SEND_RECV;
    }
    if (name.contains("barrier")) {
      return BARRIER;
    }
    if (name.contains("reduce")) {
      return REDUCE;
    }
    if (name.contains("gather")) {
      return GATHER;
    }
    return name.contains("scatter") ? SCATTER : OTHER;
  }
}
