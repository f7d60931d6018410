package dev.kerneltracer.serve;

import java.util.List;

/// What vLLM's metrics said at one moment. Counters count since the server's start; NaN is "not
/// told". Engines of one server are summed, but the KV cache is the fullest's.
///
/// @param timeNs when they were asked for, in nanoseconds since the run's start
/// @param tookNs how long the answer took
/// @param running requests in the batches
/// @param waiting requests in the queue
/// @param kvUsage share of the KV cache's blocks in use, 0 to 1
/// @param preemptions so far
/// @param prefixQueries tokens looked for in the prefix cache so far
/// @param prefixHits of those, tokens found
/// @param promptTokens so far
/// @param generationTokens so far
/// @param iterations steps of the engine so far
/// @param finished requests so far
public record ServerState(
    long timeNs,
    long tookNs,
    double running,
    double waiting,
    double kvUsage,
    double preemptions,
    double prefixQueries,
    double prefixHits,
    double promptTokens,
    double generationTokens,
    double iterations,
    double finished) {

  /// The state that a text of metrics tells, by vLLM's names of today and of yesterday.
  static ServerState of(String metrics, long timeNs, long tookNs) {
    List<PrometheusText.Sample> samples = PrometheusText.parse(metrics);
    return new ServerState(
        timeNs,
        tookNs,
        sum(samples, "vllm:num_requests_running"),
        sum(samples, "vllm:num_requests_waiting"),
        largest(samples, "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        sum(samples, "vllm:num_preemptions_total", "vllm:num_preemptions"),
        sum(
            samples,
            "vllm:prefix_cache_queries_total",
            "vllm:prefix_cache_queries",
            "vllm:gpu_prefix_cache_queries_total",
            "vllm:gpu_prefix_cache_queries"),
        sum(
            samples,
            "vllm:prefix_cache_hits_total",
            "vllm:prefix_cache_hits",
            "vllm:gpu_prefix_cache_hits_total",
            "vllm:gpu_prefix_cache_hits"),
        sum(samples, "vllm:prompt_tokens_total", "vllm:prompt_tokens"),
        sum(samples, "vllm:generation_tokens_total", "vllm:generation_tokens"),
        sum(samples, "vllm:iteration_tokens_total_count", "vllm:iteration_tokens_count"),
        sum(samples, "vllm:request_success_total", "vllm:request_success"));
  }

  /// Whether there was anything of vLLM's.
  boolean isVllm() {
    return !Double.isNaN(running) || !Double.isNaN(generationTokens);
  }

  /// The sum over all labels of the first of these names that there is.
  private static double sum(List<PrometheusText.Sample> samples, String... names) {
    for (String name : names) {
      double sum = 0;
      boolean found = false;
      for (PrometheusText.Sample sample : samples) {
        if (sample.name().equals(name)) {
          sum += sample.value();
          found = true;
        }
      }
      if (found) {
        return sum;
      }
    }
    return Double.NaN;
  }

  private static double largest(List<PrometheusText.Sample> samples, String... names) {
    for (String name : names) {
      double largest = Double.NaN;
      for (PrometheusText.Sample sample : samples) {
        if (sample.name().equals(name) && !(sample.value() <= largest)) {
          largest = sample.value();
        }
      }
      if (!Double.isNaN(largest)) {
        return largest;
      }
    }
    return Double.NaN;
  }
}
