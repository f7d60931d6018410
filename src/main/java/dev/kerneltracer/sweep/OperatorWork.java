package dev.kerneltracer.sweep;

import java.util.EnumMap;
import java.util.Map;

/// What an operator of a step computes and moves at the least, on one device.
///
/// A matrix product of `t` tokens takes `2·t·in·out` operations and moves its weights, inputs and
/// outputs once. Attention takes `4·heads·headDim` operations for each pair of a token and a
/// position that it sees, and reads keys and values once. These are the counts of the roofline
/// model (Williams, Waterman, Patterson 2009) for the transformer's operators as Kaplan et al. 2020
/// (table
/// 1) and Pope et al. 2022 (section 2) have them. Experts move the weights of those that are hit,
///    `E·(1 − (1 − k/E)^t)` on average where each token picks `k` of `E` alike.
///
/// @param flops floating point operations, a multiplication and an addition being two
/// @param bytes between the device's memory and the operator
record OperatorWork(double flops, double bytes) {
  static final OperatorWork NONE = new OperatorWork(0, 0);

  /// Operations for each byte.
  double intensity() {
    return bytes == 0 ? 0 : flops / bytes;
  }

  private OperatorWork plus(OperatorWork other) {
    return new OperatorWork(flops + other.flops, bytes + other.bytes);
  }

  private OperatorWork times(double factor) {
    return new OperatorWork(flops * factor, bytes * factor);
  }

  /// The work of one step, all layers together; without the operators that the shape does not tell
  /// of.
  ///
  /// @param tokensEach of a prefill the length of each prompt, of a decode that of each sequence
  ///   with the token that it generates
  /// @param elementBytes of weights, activations and cache alike
  /// @param ranks devices that share every operator evenly
  static Map<OpType, OperatorWork> of(
      ModelShape model,
      SweepPhase phase,
      int batch,
      double tokensEach,
      int elementBytes,
      int ranks) {
    boolean prefill = phase == SweepPhase.PREFILL;
    double tokens = prefill ? batch * tokensEach : batch;
    double queries = (double) model.heads() * model.headDim();
    double keysAndValues = 2.0 * model.keyValueHeads() * model.headDim();
    Map<OpType, OperatorWork> work = new EnumMap<>(OpType.class);
    Counting counting = new Counting(elementBytes);
    work.put(
        OpType.KQV_PROJ,
        counting.product(tokens, model.hidden(), queries + keysAndValues).times(model.layers()));
    work.put(
        OpType.O_PROJ, counting.product(tokens, queries, model.hidden()).times(model.layers()));
    if (model.fullAttention()) {
      double seen = prefill ? batch * tokensEach * (tokensEach + 1) / 2 : batch * tokensEach;
      OperatorWork attention =
          new OperatorWork(
              4 * queries * seen,
              elementBytes * (keysAndValues * batch * tokensEach + 2 * queries * tokens));
      work.put(OpType.PAGED_ATTENTION, attention.times(model.layers()));
    }
    double firsts = model.gated() ? 2 : 1;
    if (model.denseLayers() > 0 && model.intermediate() > 0) {
      double width = model.intermediate();
      work.put(
          OpType.GATED_UP_PROJ,
          counting.product(tokens, model.hidden(), firsts * width).times(model.denseLayers()));
      work.put(
          OpType.DOWN_PROJ,
          counting.product(tokens, width, model.hidden()).times(model.denseLayers()));
    }
    if (model.sparseLayers() > 0 && model.expertsPerToken() > 0) {
      work.put(OpType.EXPERTS, counting.experts(model, tokens, firsts).times(model.sparseLayers()));
    }
    if (model.vocabulary() > 0) {
      work.put(OpType.LM_HEAD, counting.product(batch, model.hidden(), model.vocabulary()));
    }
    work.replaceAll((_, whole) -> whole.times(1.0 / ranks));
    return work;
  }

  private record Counting(int elementBytes) {
    OperatorWork product(double tokens, double in, double out) {
      return new OperatorWork(
          2 * tokens * in * out, elementBytes * (in * out + tokens * (in + out)));
    }

    OperatorWork experts(ModelShape model, double tokens, double firsts) {
      double width = model.expertIntermediate();
      double each = tokens * model.expertsPerToken();
      double hit =
          model.experts()
              * (1 - Math.pow(1 - (double) model.expertsPerToken() / model.experts(), tokens));
      OperatorWork moved = NONE;
      for (double[] sides :
          new double[][] {{model.hidden(), firsts * width}, {width, model.hidden()}}) {
        moved =
            moved.plus(
                new OperatorWork(
                    2 * each * sides[0] * sides[1],
                    elementBytes * (hit * sides[0] * sides[1] + each * (sides[0] + sides[1]))));
      }
      return moved;
    }
  }
}
