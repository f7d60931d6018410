package dev.kerneltracer.sweep;

/// A step's times in the columns of the earlier scripts' tables; they add up to its operator time.
/// What the columns have no place for (norms, activation, router, embedding, head, sampling) is
/// among others.
record CompatTimes(
    double kqvProjNs,
    double ropeNs,
    double attentionNs,
    double oProjNs,
    double gatedUpProjNs,
    double downProjNs,
    double othersNs) {

  // The two projections of gated experts are one module; the first has two matrices of the same
  // size as the second's one. An estimate, which the documentation calls one.
  private static final double UP_SHARE_OF_EXPERTS = 2.0 / 3;

  static CompatTimes of(StepCost step) {
    double experts = step.timeNs(OpType.EXPERTS);
    double kqv = step.timeNs(OpType.KQV_PROJ);
    double rope = step.timeNs(OpType.ROPE);
    double attention = step.timeNs(OpType.PAGED_ATTENTION);
    double o = step.timeNs(OpType.O_PROJ);
    double up = step.timeNs(OpType.GATED_UP_PROJ) + experts * UP_SHARE_OF_EXPERTS;
    double down = step.timeNs(OpType.DOWN_PROJ) + experts * (1 - UP_SHARE_OF_EXPERTS);
    double others = step.totalNs() - kqv - rope - attention - o - up - down;
    return new CompatTimes(kqv, rope, attention, o, up, down, others);
  }

  /// The projections.
  double linearNs() {
    return kqvProjNs + oProjNs + gatedUpProjNs + downProjNs;
  }

  /// All but attention and projections.
  double restNs() {
    return ropeNs + othersNs;
  }
}
