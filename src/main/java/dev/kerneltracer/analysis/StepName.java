package dev.kerneltracer.analysis;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What the name of an annotation says of a step; -1 where it does not say.
///
/// @param kind who marks such steps, the most telling first
/// @param series the name without its number: equal for the steps of one loop
/// @param number the step's own number
/// @param contextTokens tokens of prompts that the step computes, over all requests
/// @param generationTokens tokens of requests past their prompt, over all requests
/// @param requests how many sequences
record StepName(
    Kind kind,
    Steps.Phase phase,
    String series,
    long number,
    long contextTokens,
    long generationTokens,
    long requests) {
  enum Kind {
    PROBE,
    SERVER,
    PROFILER,
    NUMBERED
  }

  private static final Pattern PROBE =
      Pattern.compile(
          "kerneltracer\\.(prefill|decode|forward|backward|optimizer)((?: \\w+=\\d{1,9})*)");
  private static final Pattern PROBE_NUMBER = Pattern.compile(" (\\w+)=(\\d+)");
  // vLLM; builds for ROCm put the sums of query and key lengths into the brackets.
  private static final Pattern VLLM =
      Pattern.compile(
          "execute_(?:\\d+_)?context_(\\d{1,9})\\((?:sq)?(\\d{1,9})\\w*\\)"
              + "_generation_(\\d{1,9})\\((?:sq)?(\\d{1,9})\\w*\\)");
  private static final Pattern VLLM_OLDER =
      Pattern.compile("execute_new_(\\d{1,9})_cached_(\\d{1,9})");
  private static final Pattern SGLANG =
      Pattern.compile("step\\[(\\w+)(?: bs=(\\d{1,9}))?(?: toks=(\\d{1,9}))?.*\\]");
  private static final Pattern PROFILER = Pattern.compile("ProfilerStep#(\\d{1,9})");
  private static final Pattern NUMBERED =
      Pattern.compile(
          "((?:.*[^a-z])?(?:step|iter|iteration|prefill|decode|decoding)(?:[^a-z].*)?[^0-9])"
              + "(\\d{1,9})[\\s)\\]#]*",
          Pattern.CASE_INSENSITIVE);

  static @Nullable StepName of(String name) {
    if (name.startsWith("kerneltracer.")) {
      return probe(name);
    }
    if (name.startsWith("execute_")) {
      return vllm(name);
    }
    if (name.startsWith("step[")) {
      return sglang(name);
    }
    Matcher profiler = PROFILER.matcher(name);
    if (profiler.matches()) {
      return unknown(Kind.PROFILER, Steps.Phase.UNKNOWN, "", number(profiler, 1));
    }
    // Names of operators and of collectives have colons.
    Matcher numbered = NUMBERED.matcher(name);
    if (name.length() > 200 || name.indexOf(':') >= 0 || !numbered.matches()) {
      return null;
    }
    String series = numbered.group(1).toLowerCase(Locale.ROOT);
    Steps.Phase phase =
        series.contains("prefill")
            ? Steps.Phase.PREFILL
            : series.contains("decod") ? Steps.Phase.DECODE : Steps.Phase.UNKNOWN;
    return unknown(Kind.NUMBERED, phase, series, number(numbered, 2));
  }

  private static @Nullable StepName probe(String name) {
    Matcher probe = PROBE.matcher(name);
    if (!probe.matches()) {
      return null;
    }
    long batch = probeNumber(probe, "batch");
    long tokens = probeNumber(probe, "tokens");
    long all = batch < 0 || tokens < 0 ? -1 : batch * tokens;
    return switch (probe.group(1)) {
      case "prefill" ->
          new StepName(Kind.PROBE, Steps.Phase.PREFILL, "", -1, all, all < 0 ? -1 : 0, batch);
      case "decode" -> new StepName(Kind.PROBE, Steps.Phase.DECODE, "", -1, 0, batch, batch);
      case "backward" ->
          new StepName(Kind.PROBE, Steps.Phase.BACKWARD, "", -1, all, all < 0 ? -1 : 0, batch);
      case "optimizer" -> new StepName(Kind.PROBE, Steps.Phase.OPTIMIZER, "", -1, 0, 0, 0);
      default ->
          new StepName(Kind.PROBE, Steps.Phase.FORWARD, "", -1, all, all < 0 ? -1 : 0, batch);
    };
  }

  private static long probeNumber(Matcher probe, String key) {
    Matcher numbers = PROBE_NUMBER.matcher(probe.group(2));
    while (numbers.find()) {
      if (numbers.group(1).equals(key)) {
        return Long.parseLong(numbers.group(2));
      }
    }
    return -1;
  }

  private static @Nullable StepName vllm(String name) {
    Matcher vllm = VLLM.matcher(name);
    if (vllm.matches()) {
      long context = number(vllm, 2);
      long generation = number(vllm, 4);
      return new StepName(
          Kind.SERVER,
          phase(context, generation),
          "",
          -1,
          context,
          generation,
          number(vllm, 1) + number(vllm, 3));
    }
    Matcher older = VLLM_OLDER.matcher(name);
    if (older.matches()) {
      long fresh = number(older, 1);
      long cached = number(older, 2);
      return new StepName(Kind.SERVER, phase(fresh, cached), "", -1, -1, -1, fresh + cached);
    }
    return null;
  }

  private static Steps.Phase phase(long context, long generation) {
    if (context > 0) {
      return generation > 0 ? Steps.Phase.MIXED : Steps.Phase.PREFILL;
    }
    return generation > 0 ? Steps.Phase.DECODE : Steps.Phase.UNKNOWN;
  }

  private static @Nullable StepName sglang(String name) {
    Matcher sglang = SGLANG.matcher(name);
    if (!sglang.matches()) {
      return null;
    }
    long requests = number(sglang, 2);
    long tokens = number(sglang, 3);
    return switch (sglang.group(1)) {
      case "EXTEND" -> new StepName(Kind.SERVER, Steps.Phase.PREFILL, "", -1, tokens, 0, requests);
      case "DECODE" -> new StepName(Kind.SERVER, Steps.Phase.DECODE, "", -1, 0, requests, requests);
      case "MIXED" -> new StepName(Kind.SERVER, Steps.Phase.MIXED, "", -1, -1, -1, requests);
      default -> new StepName(Kind.SERVER, Steps.Phase.UNKNOWN, "", -1, -1, -1, requests);
    };
  }

  private static StepName unknown(Kind kind, Steps.Phase phase, String series, long number) {
    return new StepName(kind, phase, series, number, -1, -1, -1);
  }

  private static long number(Matcher matcher, int group) {
    @Nullable String text = matcher.group(group);
    return text == null ? -1 : Long.parseLong(text);
  }
}
