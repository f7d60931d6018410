package dev.kerneltracer.sweep;

import java.util.Comparator;
import java.util.List;

/// The profiled steps of one batch size.
///
/// @param steps at least one, in order of their number
/// @param thrownAway traces whose step was not exact, which count for nothing
public record SizeCost(int batch, List<StepCost> steps, int thrownAway) {
  public SizeCost {
    steps = List.copyOf(steps);
  }

  /// How one type's time spreads over the steps.
  public record Spread(
      long medianNs, long leastNs, long lowerQuartileNs, long upperQuartileNs, long mostNs) {}

  public int stepCount() {
    return steps.size();
  }

  /// Whether times are those of a device, not of the CPU's operators.
  public boolean onDevice() {
    return steps.getFirst().onDevice();
  }

  SweepPhase phase() {
    return steps.getFirst().phase();
  }

  /// The step whose operator time is the median, the lower of two: what it holds adds up.
  StepCost median() {
    List<StepCost> sorted =
        steps.stream()
            .sorted(Comparator.comparingLong(StepCost::totalNs).thenComparingInt(StepCost::number))
            .toList();
    return sorted.get((sorted.size() - 1) / 2);
  }

  /// The operator time of the median step.
  public long totalNs() {
    return median().totalNs();
  }

  /// A type's part of the median step.
  public long timeNs(OpType type) {
    return median().timeNs(type);
  }

  Spread spread(OpType type) {
    return spread(steps.stream().mapToLong(step -> step.timeNs(type)).sorted().toArray());
  }

  /// How the operator time of whole steps spreads.
  public Spread spread() {
    return spread(steps.stream().mapToLong(StepCost::totalNs).sorted().toArray());
  }

  private static Spread spread(long[] sorted) {
    return new Spread(
        quantile(sorted, 0.5),
        sorted[0],
        quantile(sorted, 0.25),
        quantile(sorted, 0.75),
        sorted[sorted.length - 1]);
  }

  /// Between two values linearly, as numpy's default.
  private static long quantile(long[] sorted, double share) {
    double at = share * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.length - 1);
    return Math.round(sorted[below] + (at - below) * (sorted[above] - sorted[below]));
  }
}
