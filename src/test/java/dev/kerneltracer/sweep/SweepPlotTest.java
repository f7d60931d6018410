package dev.kerneltracer.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/// The plot of a sweep, in a terminal and as SVG.
class SweepPlotTest {
  private static SweepPlot plot(int sizes) {
    List<Integer> batches = new ArrayList<>();
    long[] projection = new long[sizes];
    long[] attention = new long[sizes];
    long[] others = new long[sizes];
    for (int i = 0; i < sizes; i++) {
      batches.add(1 + 2 * i);
      projection[i] = 100_000;
      attention[i] = 10_000L * (i + 1);
      others[i] = 50_000;
    }
    SequencedMap<String, long[]> times = new LinkedHashMap<>();
    times.put("kqv_proj", projection);
    times.put("paged_attention", attention);
    times.put("unused", new long[sizes]);
    times.put("others & <rest>", others);
    return new SweepPlot("Decode of type:qwen3, by operator", batches, times);
  }

  @Test
  void noLineIsWiderThanTheTerminal() {
    for (int width : new int[] {40, 80, 200}) {
      assertThat(plot(30).text(width, false).lines())
          .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(width));
    }
  }

  @Test
  void barsAreAsLongAsTheirTimes() {
    List<String> lines = plot(11).text(80, false).lines().toList();
    assertThat(lines.getFirst()).isEqualTo("Decode of type:qwen3, by operator");
    // 160 µs against 260 µs.
    double share = (double) filled(lines.get(1)) / filled(lines.get(11));
    assertThat(share).isBetween(160 / 260.0 - 0.02, 160 / 260.0 + 0.02);
    assertThat(lines.get(1)).startsWith(" 1  ").endsWith(" 160 µs");
    assertThat(lines.get(11)).startsWith("21  ").endsWith(" 260 µs");
  }

  private static long filled(String line) {
    return line.chars().filter(c -> c == '█' || c == '▓' || c == '▒').count();
  }

  @Test
  void ofManySizesTheFirstAndTheLastAreAmongThoseShown() {
    List<String> lines = plot(129).text(80, false).lines().toList();
    assertThat(lines).hasSize(1 + 20 + 1);
    assertThat(lines.get(1)).startsWith("  1  ");
    assertThat(lines.get(20)).startsWith("257  ");
  }

  @Test
  void whatTakesNoTimeIsNotInTheLegend() {
    assertThat(plot(3).text(80, false)).contains("paged_attention").doesNotContain("unused");
  }

  @Test
  void colourIsOnlyWhereItIsAskedFor() {
    assertThat(plot(3).text(80, false)).doesNotContain("\u001b");
    assertThat(plot(3).text(80, true)).contains("\u001b[38;5;").contains("\u001b[0m");
  }

  @Test
  void theSvgIsWellFormedAndHasAnAreaForEachOperator() throws Exception {
    for (int sizes : new int[] {1, 2, 129}) {
      Document svg = parse(plot(sizes).svg());
      assertThat(svg.getDocumentElement().getTagName()).isEqualTo("svg");
      NodeList titles = svg.getElementsByTagName("title");
      assertThat(titles.getLength()).isEqualTo(3);
      assertThat(titles.item(2).getTextContent()).isEqualTo("others & <rest>");
      NodeList texts = svg.getElementsByTagName("text");
      for (int i = 0; i < texts.getLength(); i++) {
        Element text = (Element) texts.item(i);
        assertThat(Double.parseDouble(text.getAttribute("x"))).isBetween(0.0, 860.0);
        assertThat(Double.parseDouble(text.getAttribute("y"))).isBetween(0.0, 460.0);
      }
    }
  }

  private static Document parse(String xml) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void aPlotOfNothingIsRefused() {
    assertThatThrownBy(() -> new SweepPlot("", List.of(), new LinkedHashMap<>()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
