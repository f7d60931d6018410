package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PythonLiteralTest {
  @Test
  void containersKeepTheirOrderAndMayEndInACommaAndHaveComments() {
    assertThat(String.valueOf(PythonLiteral.read("{'b': [1, -2,], # last\n \"a\": (),\n}", 0)))
        .isEqualTo("{b=[1, -2], a=[]}");
  }

  @Test
  void theLiteralBeginsAtTheOffsetAndWhatFollowsDoesNotCount() {
    String text = "TRACER = {'a': None}\n\ndef trace():\n    pass\n";
    Map<String, @Nullable Object> expected = new LinkedHashMap<>();
    expected.put("a", null);

    assertThat(PythonLiteral.read(text, "TRACER = ".length())).isEqualTo(expected);
  }

  static List<Arguments> texts() {
    return List.of(
        Arguments.of("'it\\'s'", "it's"),
        Arguments.of("\"it's\"", "it's"),
        Arguments.of("'one' \"two\"", "onetwo"),
        Arguments.of("('one'\n 'two')", "onetwo"),
        Arguments.of("'one' \\\n 'two'", "onetwo"),
        Arguments.of("'a\\tb\\x41\\u00e4'", "a\tbAä"),
        Arguments.of("r'a\\tb'", "a\\tb"),
        Arguments.of("u'text'", "text"),
        Arguments.of("'''two\n'lines'\n'''", "two\n'lines'\n"),
        Arguments.of("'one \\\nline'", "one line"),
        Arguments.of("'\\d'", "\\d"));
  }

  @ParameterizedTest
  @MethodSource("texts")
  void textsAreReadAsPythonReadsThem(String literal, String text) {
    assertThat(PythonLiteral.read(literal, 0)).isEqualTo(text);
  }

  @Test
  void aCommaMakesATupleOfOneInParentheses() {
    assertThat(PythonLiteral.read("('x',)", 0)).isEqualTo(List.of("x"));
    assertThat(PythonLiteral.read("('x')", 0)).isEqualTo("x");
  }

  @Test
  void numbersAndNames() {
    assertThat(PythonLiteral.read("1_000", 0)).isEqualTo(1000L);
    assertThat(PythonLiteral.read("-1.5e3", 0)).isEqualTo(new BigDecimal("-1.5e3"));
    assertThat(PythonLiteral.read("[True, False]", 0)).isEqualTo(List.of(true, false));
  }

  static List<Arguments> faults() {
    return List.of(
        Arguments.of("{'a': open('x')}", "has 'open' where a plain value is expected (line 1)"),
        Arguments.of("{'a': 1,\n 'b': f'x'}", "has a text of the kind f\"…\" (line 2)"),
        Arguments.of("{'a': b'x'}", "has a text of the kind b\"…\" (line 1)"),
        Arguments.of("{'a' 1}", "lacks ':' (line 1)"),
        Arguments.of("{'a': 1\n 'b': 2}", "lacks ',' or '}' (line 2)"),
        Arguments.of("{1: 2}", "has a key that is no text (line 1)"),
        Arguments.of("['x'", "has no end (line 1)"),
        Arguments.of("{", "has no end (line 1)"),
        Arguments.of("'x", "has no end (line 1)"),
        Arguments.of("['x\n']", "has a text without its end (line 1)"),
        Arguments.of("'\\x4z'", "has a damaged escape (line 1)"),
        Arguments.of(
            "99999999999999999999",
            "has '99999999999999999999' where a number is expected (line 1)"),
        Arguments.of("1-2", "has '1-2' where a number is expected (line 1)"));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void whatIsNoLiteralIsRefusedWithItsLine(String text, String reason) {
    assertThatThrownBy(() -> PythonLiteral.read(text, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(reason);
  }

  @Test
  void deepNestingIsRefusedBeforeItFillsTheStack() {
    assertThatThrownBy(() -> PythonLiteral.read("[".repeat(100_000), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("is nested too deeply (line 1)");
  }
}
