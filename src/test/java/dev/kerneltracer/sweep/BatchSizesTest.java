package dev.kerneltracer.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchSizesTest {
  private static List<Integer> parse(String text) {
    return BatchSizes.parse("--batch", text);
  }

  @Test
  void rangesDoubleOrStepAndTheirEndBelongsToThem() {
    assertThat(parse("1,3,8..256")).containsExactly(1, 3, 8, 16, 32, 64, 128, 256);
    assertThat(parse("3..20")).containsExactly(3, 6, 12, 20);
    assertThat(parse("1..8:2")).containsExactly(1, 3, 5, 7, 8);
    assertThat(parse("1..256:2")).hasSize(129).startsWith(1, 3).endsWith(255, 256);
    assertThat(parse("4..4")).containsExactly(4);
  }

  @Test
  void sizesAreSortedAsNumbersAndEachIsThereOnce() {
    assertThat(parse("10, 9,2..4,4")).containsExactly(2, 4, 9, 10);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "0",
        "a",
        "1,,2",
        "8..1",
        "1..8:0",
        "-1",
        "1..",
        "1...4",
        "2000000",
        "1..9999:1"
      })
  void whatIsNoListIsToldInOneLine(String text) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOfSatisfying(
            UserException.class,
            e -> {
              assertThat(e.exitCode()).isEqualTo(ExitCode.USAGE);
              assertThat(e.getMessage()).startsWith("--batch ").doesNotContain("\n");
              assertThat(e.hint()).contains("1,3,8..256");
            });
  }
}
