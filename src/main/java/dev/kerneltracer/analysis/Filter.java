package dev.kerneltracer.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What of the traces counts; null or empty where all does.
///
/// @param steps the numbers of steps
/// @param phases such as `decode`
/// @param ranks whole traces by their rank
/// @param kernel found in the names of kernels
public record Filter(
    @Nullable NumberRanges steps,
    Set<String> phases,
    @Nullable NumberRanges ranks,
    @Nullable Pattern kernel) {
  public static final Filter NONE = new Filter(null, Set.of(), null, null);

  public Filter {
    phases = Set.copyOf(phases);
  }

  public boolean isEmpty() {
    return !ofSteps() && ranks == null && kernel == null;
  }

  /// Whether only some steps count.
  public boolean ofSteps() {
    return steps != null || !phases.isEmpty();
  }

  /// Whether some rows of a trace that is read do not count.
  boolean selectsRows() {
    return ofSteps() || kernel != null;
  }

  boolean hasStep(long step, String phase) {
    return (steps == null || steps.has(step)) && (phases.isEmpty() || phases.contains(phase));
  }

  /// In words, such as `steps 3-7, phase decode`.
  public String text() {
    List<String> parts = new ArrayList<>();
    if (steps != null) {
      parts.add("steps " + steps);
    }
    if (!phases.isEmpty()) {
      parts.add("phase " + String.join(" or ", new TreeSet<>(phases)));
    }
    if (ranks != null) {
      parts.add("rank " + ranks);
    }
    if (kernel != null) {
      parts.add("kernel /" + kernel + "/");
    }
    return String.join(", ", parts);
  }
}
