package dev.kerneltracer.load;

import java.util.SortedMap;

/// What became of the requests of one class, or of all.
///
/// @param sent those that were begun, however they ended
/// @param completed those whose answer came whole; only they count in what follows
/// @param failed how many of the others there are by the word of their status
/// @param good completed ones that met every threshold of the goal; equal to `completed` without
///   one
/// @param spanNs from the run's start to the end of the last request of any class
/// @param ttft from the intended start to the first token
/// @param ttftFromSend from the actual start
/// @param tpot (end − first token) / (output tokens − 1), of requests with two tokens or more
/// @param itl every gap between two tokens
/// @param endToEnd from the intended start to the end
public record ClassMetrics(
    long sent,
    long completed,
    SortedMap<String, Long> failed,
    long good,
    long promptTokens,
    long outputTokens,
    long spanNs,
    Distribution ttft,
    Distribution ttftFromSend,
    Distribution tpot,
    Distribution itl,
    Distribution endToEnd,
    Distribution endToEndFromSend) {

  public double successShare() {
    return sent == 0 ? 0 : (double) completed / sent;
  }

  public double requestsPerS() {
    return perS(completed);
  }

  public double goodRequestsPerS() {
    return perS(good);
  }

  /// Generated tokens.
  public double tokensPerS() {
    return perS(outputTokens);
  }

  /// Generated tokens and those of prompts.
  public double totalTokensPerS() {
    return perS(outputTokens + promptTokens);
  }

  private double perS(long count) {
    return spanNs == 0 ? 0 : count * 1e9 / spanNs;
  }
}
