package dev.kerneltracer.serve;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads Prometheus' text format, also as OpenMetrics writes it. A line that is none is passed
/// over.
///
/// @see <a href="https://prometheus.io/docs/instrumenting/exposition_formats/">Exposition
///   formats</a>
public final class PrometheusText {
  private final String line;
  private int at;

  private PrometheusText(String line) {
    this.line = line;
  }

  /// One value.
  public record Sample(String name, Map<String, String> labels, double value) {}

  public static List<Sample> parse(String text) {
    List<Sample> samples = new ArrayList<>();
    for (String line : text.lines().toList()) {
      String stripped = line.strip();
      if (!stripped.isEmpty() && stripped.charAt(0) != '#') {
        Sample sample = new PrometheusText(stripped).sample();
        if (sample != null) {
          samples.add(sample);
        }
      }
    }
    return samples;
  }

  private @Nullable Sample sample() {
    String name = name();
    if (name.isEmpty()) {
      return null;
    }
    Map<String, String> labels = new HashMap<>();
    blanks();
    if (at < line.length() && line.charAt(at) == '{') {
      at++;
      if (!labels(labels)) {
        return null;
      }
    }
    blanks();
    int start = at;
    while (at < line.length() && !Character.isWhitespace(line.charAt(at))) {
      at++;
    }
    Double value = number(line.substring(start, at));
    return value == null ? null : new Sample(name, Map.copyOf(labels), value);
  }

  private String name() {
    int start = at;
    while (at < line.length() && isName(line.charAt(at))) {
      at++;
    }
    return line.substring(start, at);
  }

  private static boolean isName(char c) {
    return c == '_' || c == ':' || Character.isLetterOrDigit(c);
  }

  private void blanks() {
    while (at < line.length() && (line.charAt(at) == ' ' || line.charAt(at) == '\t')) {
      at++;
    }
  }

  /// Up to the closing brace; whether there was one.
  private boolean labels(Map<String, String> labels) {
    while (true) {
      blanks();
      if (at < line.length() && line.charAt(at) == '}') {
        at++;
        return true;
      }
      String label = name();
      blanks();
      if (label.isEmpty() || at + 1 >= line.length() || line.charAt(at) != '=') {
        return false;
      }
      at++;
      blanks();
      String value = quoted();
      if (value == null) {
        return false;
      }
      labels.put(label, value);
      blanks();
      if (at < line.length() && line.charAt(at) == ',') {
        at++;
      }
    }
  }

  private @Nullable String quoted() {
    if (at >= line.length() || line.charAt(at) != '"') {
      return null;
    }
    StringBuilder text = new StringBuilder();
    for (at++; at < line.length(); at++) {
      char c = line.charAt(at);
      if (c == '"') {
        at++;
        return text.toString();
      }
      if (c == '\\' && at + 1 < line.length()) {
        at++;
        char escaped = line.charAt(at);
        text.append(escaped == 'n' ? '\n' : escaped);
      } else {
        text.append(c);
      }
    }
    return null;
  }

  private static @Nullable Double number(String text) {
    return switch (text) {
      case "" -> null;
      case "NaN", "nan" -> Double.NaN;
      case "+Inf", "Inf", "+inf", "inf" -> Double.POSITIVE_INFINITY;
      case "-Inf", "-inf" -> Double.NEGATIVE_INFINITY;
      default -> {
        try {
          yield Double.valueOf(text);
        } catch (NumberFormatException e) {
          yield null;
        }
      }
    };
  }
}
