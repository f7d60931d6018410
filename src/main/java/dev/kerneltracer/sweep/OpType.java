package dev.kerneltracer.sweep;

import java.util.Locale;

/// What an operator of a language model is for.
public enum OpType {
  KQV_PROJ,
  ROPE,
  PAGED_ATTENTION,
  O_PROJ,
  GATED_UP_PROJ,
  ACTIVATION,
  DOWN_PROJ,
  /// Both projections of a mixture of experts and what lies between, which is one module.
  EXPERTS,
  ROUTER,
  NORMS,
  EMBEDDING,
  LM_HEAD,
  SAMPLING,
  OTHERS;

  /// As tables and rules have it, such as `kqv_proj`.
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
