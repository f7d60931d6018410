package dev.kerneltracer.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AmountTest {
  @ParameterizedTest
  @CsvSource({
    "0,0 ns",
    "999,999 ns",
    "1000,1.00 µs",
    "12345,12.3 µs",
    "999499,999 µs",
    "999500,1.00 ms",
    "1234567890,1.23 s",
    "-5000,-5.00 µs"
  })
  void timesKeepThreeDigits(long ns, String text) {
    assertThat(Amount.time(ns)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0,0 B", "1023,1023 B", "1536,1.50 KiB", "15032385536,14.0 GiB"})
  void bytesAreBinary(long bytes, String text) {
    assertThat(Amount.bytes(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"17,17", "213376,213 K", "8030261248,8.03 B"})
  void parametersAreDecimal(long count, String text) {
    assertThat(Amount.parameters(count)).isEqualTo(text);
  }
}
