package dev.kerneltracer.report;

import dev.kerneltracer.analysis.Totals;
import dev.kerneltracer.analysis.TraceSummary;
import dev.kerneltracer.trace.Damage;
import dev.kerneltracer.trace.Trust;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a reader of the numbers should know about the traces that they come from, a sentence each.
public final class Warnings {
  private Warnings() {}

  /// Those of all traces, with the file's name where there are several.
  ///
  /// @param problems inputs that could not be read
  public static List<String> of(List<TraceSummary> traces, List<String> problems) {
    List<String> all = new ArrayList<>(problems);
    for (TraceSummary trace : traces) {
      for (String warning : of(trace)) {
        all.add(traces.size() == 1 ? warning : trace.file() + ": " + warning);
      }
    }
    return all;
  }

  static List<String> of(TraceSummary trace) {
    List<String> warnings = new ArrayList<>();
    Trust trust = trace.trust();
    Totals totals = trace.totals();
    if (trust.damageCount() > 0 || !trust.complete()) {
      warnings.add(damage(trust));
    }
    long lost = totals.kernels() - totals.kernelsJoinedToLaunch();
    if (lost > 0) {
      warnings.add(
          Amount.count(lost)
              + " of "
              + Amount.count(totals.kernels())
              + " kernels have no launch in the trace (launched before it began); they count");
    }
    if (trace.idsAreCorrelations()) {
      warnings.add(
          "External ids are correlations (Kineto of 2022 to early 2024): operators are joined to"
              + " kernels by time");
    }
    if (totals.kernelsBeforeLaunch() > 0) {
      warnings.add(
          Amount.count(totals.kernelsBeforeLaunch())
              + " kernels begin before their launch: the clocks of host and device are apart");
    }
    if (trust.unusableTimes() > 0) {
      warnings.add(
          Amount.count(trust.unusableTimes()) + " events have no usable time; they count as 0 ns");
    }
    if (trust.negativeDurations() > 0) {
      warnings.add(Amount.count(trust.negativeDurations()) + " events end before they begin");
    }
    return warnings;
  }

  private static String damage(Trust trust) {
    StringBuilder text = new StringBuilder("the file is ");
    if (trust.damage().isEmpty()) {
      return text.append("not closed at its end").toString();
    }
    Damage first = trust.damage().getFirst();
    if (first.kind() == Damage.Kind.TOO_MANY_EVENTS) {
      return "the file holds more events than the memory: nothing was read from byte "
          + Amount.count(first.offset())
          + " on, the numbers are of what lies before; give more by --memory";
    }
    boolean cut = first.kind() == Damage.Kind.CUT;
    text.append(cut ? "cut short at byte " : "damaged at byte ")
        .append(Amount.count(first.offset()));
    if (!cut) {
      String kind = first.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ');
      text.append(" (").append(kind).append(')');
    }
    if (trust.damageCount() > 1) {
      text.append(" and in ")
          .append(Amount.count(trust.damageCount() - 1))
          .append(trust.damageCount() == 2 ? " more place" : " more places");
    }
    if (trust.complete()) {
      return text.append("; every event could be read").toString();
    }
    return text.append("; ")
        .append(Amount.bytes(trust.bytesSkipped()))
        .append(" left out, the numbers are of the rest")
        .toString();
  }
}
