package dev.kerneltracer.load;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What became of one request. All times are nanoseconds since the run's start, by one monotonic
/// clock; -1 is "never".
///
/// @param intendedStartNs when the schedule wanted it sent
/// @param startNs when the client set about it: connecting, where that was needed, counts
/// @param firstTokenNs when the first token came that carries text or a token id
/// @param tokenTimesNs when each token came; tokens of one frame share a time
/// @param promptTokens as the server counted them, else as planned
/// @param outputTokens as the server counted them, else those seen
/// @param error for people, one line; null for [Status#OK]
public record RequestResult(
    int id,
    String requestClass,
    long intendedStartNs,
    long startNs,
    long firstTokenNs,
    List<Long> tokenTimesNs,
    long endNs,
    int promptTokens,
    int outputTokens,
    Status status,
    @Nullable String error) {

  /// How a request ended. Only what came whole is a success.
  public enum Status {
    OK,
    /// The stream broke off.
    CUT,
    TIMEOUT,
    /// No connection.
    REFUSED,
    /// An answer that says no: 4xx, 429 among them.
    REJECTED,
    /// An answer that says that the server failed, or that cannot be understood.
    ERROR;

    /// As it is written to files.
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
