package dev.kerneltracer.tracer;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads a literal of Python (dictionary, list, tuple, text, number, `True`, `False`, `None`) as it
/// stands in a source file, so that a description is known without running the file. Adjacent texts
/// are joined, as Python joins them; f-strings and expressions are refused.
final class PythonLiteral {
  private static final int DEEPEST = 50;

  private final String text;
  private int at;
  private int depth;

  private PythonLiteral(String text, int at) {
    this.text = text;
    this.at = at;
  }

  /// The literal that begins at an offset: a `Map`, `List`, `String`, `Long`, `BigDecimal`,
  /// `Boolean` or null.
  ///
  /// @throws IllegalArgumentException where none stands there; its message names the line
  static @Nullable Object read(String text, int offset) {
    return new PythonLiteral(text, offset).value();
  }

  private @Nullable Object value() {
    space();
    char c = peek();
    if (++depth > DEEPEST) {
      throw fault("is nested too deeply");
    }
    try {
      if (c == '{') {
        return dictionary();
      }
      if (c == '[') {
        return sequence('[', ']');
      }
      if (c == '(') {
        return sequence('(', ')');
      }
      if (isTextStart()) {
        return joinedTexts();
      }
      if (c == '-' || c == '+' || c == '.' || Character.isDigit(c)) {
        return number();
      }
      return word();
    } finally {
      depth--;
    }
  }

  private Map<String, @Nullable Object> dictionary() {
    expect('{');
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (space(); peek() != '}'; space()) {
      if (!(value() instanceof String key)) {
        throw fault("has a key that is no text");
      }
      space();
      expect(':');
      map.put(key, value());
      separator('}');
    }
    at++;
    return map;
  }

  private @Nullable Object sequence(char open, char close) {
    expect(open);
    List<@Nullable Object> list = new ArrayList<>();
    boolean comma = false;
    for (space(); peek() != close; space()) {
      list.add(value());
      comma = separator(close);
    }
    at++;
    // `("text" "more")` is a text in parentheses, `("text",)` a tuple.
    return open == '(' && list.size() == 1 && !comma ? list.getFirst() : list;
  }

  private boolean separator(char close) {
    space();
    if (peek() == ',') {
      at++;
      return true;
    }
    if (peek() != close) {
      throw fault("lacks ',' or '" + close + "'");
    }
    return false;
  }

  private boolean isTextStart() {
    int i = at;
    while (i < text.length() && i < at + 2 && "rRuUbBfF".indexOf(text.charAt(i)) >= 0) {
      i++;
    }
    return i < text.length() && (text.charAt(i) == '"' || text.charAt(i) == '\'');
  }

  private String joinedTexts() {
    StringBuilder joined = new StringBuilder();
    do {
      text(joined);
      space();
    } while (at < text.length() && isTextStart());
    return joined.toString();
  }

  private void text(StringBuilder out) {
    boolean raw = false;
    while (peek() != '"' && peek() != '\'') {
      char prefix = Character.toLowerCase(text.charAt(at++));
      if (prefix == 'f' || prefix == 'b') {
        throw fault("has a text of the kind " + prefix + "\"…\"");
      }
      raw |= prefix == 'r';
    }
    char quote = peek();
    String end = String.valueOf(quote);
    if (text.startsWith(end.repeat(3), at)) {
      end = end.repeat(3);
    }
    at += end.length();
    while (!text.startsWith(end, at)) {
      char c = peek();
      if (c == '\n' && end.length() == 1) {
        throw fault("has a text without its end");
      }
      at++;
      if (c != '\\') {
        out.append(c);
      } else if (raw) {
        out.append(c).append(peek());
        at++;
      } else {
        escape(out);
      }
    }
    at += end.length();
  }

  private void escape(StringBuilder out) {
    char c = peek();
    at++;
    switch (c) {
      case '\n' -> {}
      case 'n' -> out.append('\n');
      case 't' -> out.append('\t');
      case 'r' -> out.append('\r');
      case '\\', '\'', '"' -> out.append(c);
      case 'x' -> out.append(hexadecimal(2));
      case 'u' -> out.append(hexadecimal(4));
      // As Python does with an escape that it does not know.
      default -> out.append('\\').append(c);
    }
  }

  private char hexadecimal(int digits) {
    int end = Math.min(text.length(), at + digits);
    try {
      char c = (char) Integer.parseInt(text.substring(at, end), 16);
      at = end;
      return c;
    } catch (NumberFormatException e) {
      throw fault("has a damaged escape");
    }
  }

  private Number number() {
    int start = at;
    while (at < text.length() && "+-._eE0123456789".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    String digits = text.substring(start, at).replace("_", "");
    try {
      BigDecimal number = new BigDecimal(digits);
      return digits.matches("[+-]?\\d+") ? (Number) number.longValueExact() : number;
    } catch (ArithmeticException | NumberFormatException e) {
      throw fault("has '" + digits + "' where a number is expected");
    }
  }

  private @Nullable Object word() {
    int start = at;
    while (at < text.length() && Character.isJavaIdentifierPart(text.charAt(at))) {
      at++;
    }
    String word = text.substring(start, at);
    return switch (word) {
      case "True" -> true;
      case "False" -> false;
      case "None" -> null;
      default -> {
        at = start;
        throw fault(
            "has '" + (word.isEmpty() ? peek() : word) + "' where a plain value is expected");
      }
    };
  }

  private void space() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '#') {
        int end = text.indexOf('\n', at);
        at = end < 0 ? text.length() : end;
      } else if (Character.isWhitespace(c) || c == '\\') {
        at++;
      } else {
        return;
      }
    }
  }

  private void expect(char c) {
    if (peek() != c) {
      throw fault("lacks '" + c + "'");
    }
    at++;
  }

  private char peek() {
    if (at >= text.length()) {
      throw fault("has no end");
    }
    return text.charAt(at);
  }

  private IllegalArgumentException fault(String what) {
    long line =
        text.substring(0, Math.min(at, text.length())).chars().filter(c -> c == '\n').count();
    return new IllegalArgumentException(what + " (line " + (line + 1) + ")");
  }
}
