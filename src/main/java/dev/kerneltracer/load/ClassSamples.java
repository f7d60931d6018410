package dev.kerneltracer.load;

import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// What was seen of the requests of one class so far.
final class ClassSamples {
  private long sent;
  private long completed;
  private final SortedMap<String, Long> failed = new TreeMap<>();
  private long good;
  private long promptTokens;
  private long outputTokens;
  private final LongSamples ttft = new LongSamples();
  private final LongSamples ttftFromSend = new LongSamples();
  private final LongSamples tpot = new LongSamples();
  private final LongSamples itl = new LongSamples();
  private final LongSamples endToEnd = new LongSamples();
  private final LongSamples endToEndFromSend = new LongSamples();

  void add(RequestResult result, Goal goal) {
    sent++;
    if (result.status() != RequestResult.Status.OK) {
      failed.merge(result.status().word(), 1L, Long::sum);
      return;
    }
    completed++;
    promptTokens += Math.max(0, result.promptTokens());
    outputTokens += Math.max(0, result.outputTokens());
    if (goal.isMetBy(result)) {
      good++;
    }
    if (result.firstTokenNs() >= 0) {
      ttft.add(result.firstTokenNs() - result.intendedStartNs());
      ttftFromSend.add(result.firstTokenNs() - result.startNs());
    }
    if (hasTpot(result)) {
      tpot.add(tpotNs(result));
    }
    List<Long> times = result.tokenTimesNs();
    long before = -1;
    for (long time : times) {
      if (before >= 0) {
        itl.add(time - before);
      }
      before = time;
    }
    endToEnd.add(result.endNs() - result.intendedStartNs());
    endToEndFromSend.add(result.endNs() - result.startNs());
  }

  static boolean hasTpot(RequestResult result) {
    return result.outputTokens() >= 2 && result.firstTokenNs() >= 0;
  }

  static long tpotNs(RequestResult result) {
    return Math.round(
        (result.endNs() - result.firstTokenNs()) / (double) (result.outputTokens() - 1));
  }

  /// Adds all of another's: so the whole is what its classes are.
  void addAll(ClassSamples others) {
    sent += others.sent;
    completed += others.completed;
    others.failed.forEach((reason, count) -> failed.merge(reason, count, Long::sum));
    good += others.good;
    promptTokens += others.promptTokens;
    outputTokens += others.outputTokens;
    ttft.addAll(others.ttft);
    ttftFromSend.addAll(others.ttftFromSend);
    tpot.addAll(others.tpot);
    itl.addAll(others.itl);
    endToEnd.addAll(others.endToEnd);
    endToEndFromSend.addAll(others.endToEndFromSend);
  }

  ClassMetrics metrics(long spanNs) {
    return new ClassMetrics(
        sent,
        completed,
        Collections.unmodifiableSortedMap(new TreeMap<>(failed)),
        good,
        promptTokens,
        outputTokens,
        spanNs,
        ttft.distribution(),
        ttftFromSend.distribution(),
        tpot.distribution(),
        itl.distribution(),
        endToEnd.distribution(),
        endToEndFromSend.distribution());
  }
}
