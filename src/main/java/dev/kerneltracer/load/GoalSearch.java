package dev.kerneltracer.load;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Looks for the highest rate that meets a goal: doubles it while the goal is met and halves it
/// while it is not, until one of each is known, then halves the distance.
///
/// @param startRate requests per second of the first trial
/// @param leastRate no lower rate is tried
/// @param mostRate no higher one
/// @param precision how near, as a share, the rate that misses the goal comes to the one found
/// @param mostTrials after so many the best so far counts
public record GoalSearch(
    double startRate, double leastRate, double mostRate, double precision, int mostTrials) {

  /// One run at a rate.
  @FunctionalInterface
  public interface Trial {
    /// Runs it and returns what it measured; an interrupted run ends the search.
    LoadMetrics run(double rate) throws InterruptedException;
  }

  /// One run and what came of it.
  ///
  /// @param met whether it met the goal and can be believed
  public record Tried(double rate, LoadMetrics metrics, boolean met) {}

  /// How a search ended.
  ///
  /// @param best null where not even the lowest rate met the goal
  /// @param why in words
  public record Found(@Nullable Tried best, List<Tried> trials, String why, boolean interrupted) {}

  /// Searches.
  public Found search(Goal goal, Trial trial) throws InterruptedException {
    List<Tried> trials = new ArrayList<>();
    @Nullable Tried best = null;
    double worst = Double.POSITIVE_INFINITY;
    double rate = Math.clamp(startRate, leastRate, mostRate);
    while (true) {
      LoadMetrics metrics = trial.run(rate);
      boolean met =
          metrics.isTrustworthy() && goal.outcomes(metrics).stream().allMatch(Goal.Outcome::met);
      Tried tried = new Tried(rate, metrics, met && !metrics.interrupted());
      trials.add(tried);
      if (metrics.interrupted()) {
        return new Found(best, trials, "interrupted", true);
      }
      if (met) {
        best = tried;
      } else {
        worst = rate;
      }
      String end = end(best, worst, trials);
      if (end != null) {
        return new Found(best, trials, end, false);
      }
      if (best == null) {
        rate = Math.max(leastRate, rate / 2);
      } else if (worst == Double.POSITIVE_INFINITY) {
        rate = Math.min(mostRate, rate * 2);
      } else {
        rate = (best.rate() + worst) / 2;
      }
    }
  }

  private @Nullable String end(@Nullable Tried best, double worst, List<Tried> trials) {
    if (best == null && worst <= leastRate) {
      return "not even the lowest rate meets it";
    }
    if (best != null && best.rate() >= mostRate) {
      return "the highest rate that may be tried meets it";
    }
    if (best != null && worst <= best.rate() * (1 + precision)) {
      boolean client = trials.stream().anyMatch(t -> !t.metrics().isTrustworthy());
      return client
          ? "found, but in a trial above it the client was too slow to be believed"
          : "found";
    }
    if (trials.size() >= mostTrials) {
      return "not nearer after " + trials.size() + " trials";
    }
    return null;
  }
}
