package dev.kerneltracer.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.report.TerminalTable.Column;
import org.junit.jupiter.api.Test;

class TerminalTableTest {
  @Test
  void numbersStandRightAndTextLeft() {
    TerminalTable table = new TerminalTable(Column.text("operator"), Column.number("calls"));
    table.row("aten::mm", "12");
    table.row("aten::addmm", "3");

    assertThat(table.render(80))
        .isEqualTo(
            """
            operator     calls
            aten::mm        12
            aten::addmm      3
            """);
  }

  @Test
  void noLineIsWiderThanTheTerminalAndBothEndsOfALongNameStay() {
    TerminalTable table = new TerminalTable(Column.text("kernel"), Column.number("time"));
    table.row("void at::native::vectorized_elementwise_kernel<4, add, 128x128>", "1.5 ms");

    String text = table.render(40);

    assertThat(text.lines()).allMatch(line -> line.length() <= 40);
    assertThat(text).contains("void at::native", "…", "128x128>").contains("1.5 ms");
  }

  @Test
  void controlCharactersOfForeignNamesNeverReachTheTerminal() {
    TerminalTable table = new TerminalTable(Column.text("kernel"));
    table.row("evil\u001b[31m\nname");

    assertThat(table.render(80)).doesNotContain("\u001b").hasLineCount(2);
  }

  @Test
  void aNameOfSurrogatePairsIsCutBetweenCharacters() {
    assertThat(TerminalTable.shortened("😀".repeat(30), 10))
        .isEqualTo("😀".repeat(6) + "…" + "😀😀😀");
  }
}
