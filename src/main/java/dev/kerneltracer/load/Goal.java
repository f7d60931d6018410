package dev.kerneltracer.load;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.load.Distribution.Statistic;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What a service promises: `ttft_p99<500ms,tpot_p99<50ms,rag.ttft_p95<2s,success>=99.9%`.
/// Latencies count from the intended start. Where it says nothing of success, 99 % of requests must
/// complete, since a server that refuses all but a few answers those few fast.
public record Goal(List<Condition> conditions) {
  /// Promises nothing.
  public static final Goal NONE = new Goal(List.of());

  private static final double DEFAULT_SUCCESS = 0.99;

  private static final Pattern LATENCY =
      Pattern.compile(
          "(?:(?<class>[^.<>=]+)\\.)?(?<what>ttft|tpot|itl|e2e)_(?<statistic>mean|p50|p90|p95|p99|max)"
              + "\\s*<=?\\s*(?<number>[0-9.]+)\\s*(?<unit>us|µs|ms|s)");
  private static final Pattern SUCCESS =
      Pattern.compile(
          "(?:(?<class>[^.<>=]+)\\.)?success\\s*>=?\\s*(?<number>[0-9.]+)\\s*(?<unit>%?)");

  /// One promise; of one class where it names one, else of all together.
  public sealed interface Condition {
    @Nullable String requestClass();

    /// A latency below a threshold.
    record Latency(
        @Nullable String requestClass, Quantity quantity, Statistic statistic, double mostNs)
        implements Condition {}

    /// Requests that complete.
    record Success(@Nullable String requestClass, double least) implements Condition {}
  }

  /// Which latency.
  public enum Quantity {
    TTFT,
    TPOT,
    ITL,
    E2E
  }

  /// How a condition turned out.
  ///
  /// @param text as the user may have written it
  /// @param isShare whether it is of a share, and not of a time
  /// @param actual in nanoseconds, or a share; NaN where nothing completed to measure
  public record Outcome(String text, boolean isShare, double actual, boolean met) {}

  /// Reads a goal.
  ///
  /// @throws UserException where it is none
  public static Goal parse(String text) {
    List<Condition> conditions = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      conditions.add(condition(part.strip()));
    }
    if (conditions.stream().noneMatch(c -> c instanceof Condition.Success)) {
      conditions.add(new Condition.Success(null, DEFAULT_SUCCESS));
    }
    return new Goal(List.copyOf(conditions));
  }

  private static Condition condition(String text) {
    try {
      Matcher latency = LATENCY.matcher(text);
      if (latency.matches()) {
        double scale =
            switch (latency.group("unit")) {
              case "s" -> 1e9;
              case "ms" -> 1e6;
              default -> 1e3;
            };
        return new Condition.Latency(
            latency.group("class"),
            Quantity.valueOf(latency.group("what").toUpperCase(Locale.ROOT)),
            Statistic.valueOf(latency.group("statistic").toUpperCase(Locale.ROOT)),
            Double.parseDouble(latency.group("number")) * scale);
      }
      Matcher success = SUCCESS.matcher(text);
      if (success.matches()) {
        double number = Double.parseDouble(success.group("number"));
        double share = success.group("unit").isEmpty() ? number : number / 100;
        if (share <= 1) {
          return new Condition.Success(success.group("class"), share);
        }
      }
    } catch (NumberFormatException e) {
      // Told below: a number such as 1.2.3.
    }
    throw new UserException(
        ExitCode.USAGE,
        "'" + text + "' is no goal",
        "Write ttft_p99<500ms, tpot_mean<50ms, itl_max<1s, e2e_p95<10s, success>=99%, a class"
            + " before it as rag.ttft_p95<2s; several with commas, quoted.");
  }

  public boolean isNone() {
    return conditions.isEmpty();
  }

  /// How each condition turned out.
  ///
  /// @throws UserException where it names a class that no request belongs to
  public List<Outcome> outcomes(LoadMetrics metrics) {
    List<Outcome> outcomes = new ArrayList<>();
    for (Condition condition : conditions) {
      String of = condition.requestClass();
      ClassMetrics measured = of == null ? metrics.whole() : metrics.classes().get(of);
      outcomes.add(
          measured == null
              ? new Outcome(
                  text(condition), condition instanceof Condition.Success, Double.NaN, false)
              : outcome(condition, measured));
    }
    return outcomes;
  }

  private static Outcome outcome(Condition condition, ClassMetrics measured) {
    return switch (condition) {
      case Condition.Latency latency -> {
        Distribution times =
            switch (latency.quantity()) {
              case TTFT -> measured.ttft();
              case TPOT -> measured.tpot();
              case ITL -> measured.itl();
              case E2E -> measured.endToEnd();
            };
        double actual = times.count() == 0 ? Double.NaN : times.valueNs(latency.statistic());
        yield new Outcome(text(condition), false, actual, actual < latency.mostNs());
      }
      case Condition.Success success ->
          new Outcome(
              text(condition),
              true,
              measured.successShare(),
              measured.sent() > 0 && measured.successShare() >= success.least());
    };
  }

  /// A condition in one form, whatever the user's was.
  public static String text(Condition condition) {
    String of = condition.requestClass() == null ? "" : condition.requestClass() + ".";
    return switch (condition) {
      case Condition.Latency latency ->
          of
              + latency.quantity().name().toLowerCase(Locale.ROOT)
              + "_"
              + latency.statistic().name().toLowerCase(Locale.ROOT)
              + "<"
              + number(latency.mostNs() / 1e6)
              + "ms";
      case Condition.Success success -> of + "success>=" + number(success.least() * 100) + "%";
    };
  }

  private static String number(double value) {
    double rounded = Math.round(value * 1e6) / 1e6;
    return rounded == Math.rint(rounded) && rounded < 1e15
        ? String.valueOf((long) rounded)
        : String.valueOf(rounded);
  }

  /// Whether one request that completed was served as promised: for goodput, every threshold holds
  /// for each request. The gaps between its tokens count by their longest.
  boolean isMetBy(RequestResult result) {
    for (Condition condition : conditions) {
      if (condition instanceof Condition.Latency latency
          && (latency.requestClass() == null
              || latency.requestClass().equals(result.requestClass()))
          && !(timeNs(latency.quantity(), result) < latency.mostNs())) {
        return false;
      }
    }
    return true;
  }

  private static double timeNs(Quantity quantity, RequestResult result) {
    return switch (quantity) {
      case TTFT -> result.firstTokenNs() - result.intendedStartNs();
      case TPOT -> ClassSamples.hasTpot(result) ? ClassSamples.tpotNs(result) : 0;
      case ITL -> longestGapNs(result);
      case E2E -> result.endNs() - result.intendedStartNs();
    };
  }

  private static long longestGapNs(RequestResult result) {
    long longest = 0;
    long before = -1;
    for (long time : result.tokenTimesNs()) {
      longest = before < 0 ? longest : Math.max(longest, time - before);
      before = time;
    }
    return longest;
  }
}
