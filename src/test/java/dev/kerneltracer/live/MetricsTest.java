package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MetricsTest {
  private static final Pattern SAMPLE =
      Pattern.compile(
          "([a-z_]+)\\{((?:[a-z_]+=\"(?:[^\"\\\\]|\\\\.)*\",?)*)} (-?[0-9.eE+-]+|[+-]Inf)");
  private static final Pattern METRIC = Pattern.compile("\\bkerneltracer_[a-z_]+\\b");

  @TempDir private Path directory;

  @Test
  void everySampleBelongsToItsFamilyAndStandsOnce() {
    String page = MetricsPage.of(List.of(everything().read()));
    Map<String, String> types = new HashMap<>();
    Set<String> samples = new HashSet<>();
    String family = "";
    for (String line : page.lines().toList()) {
      if (line.startsWith("# TYPE ")) {
        String[] words = line.split(" ", -1);
        family = words[2];
        assertThat(types.put(family, words[3])).as(line).isNull();
      } else if (!line.startsWith("#")) {
        Matcher sample = SAMPLE.matcher(line);
        assertThat(sample.matches()).as(line).isTrue();
        assertThat(samples.add(sample.group(1) + sample.group(2))).as(line).isTrue();
        String suffix = sample.group(1).substring(family.length());
        assertThat(suffix)
            .as(line)
            .isIn(
                "histogram".equals(types.get(family))
                    ? List.of("_bucket", "_sum", "_count")
                    : List.of(""));
        assertThat("counter".equals(types.get(family))).isEqualTo(family.endsWith("_total"));
      }
    }
    assertThat(page)
        .contains("kerneltracer_kv_cache_usage_ratio{session=\"session\",dp_rank=\"0\"} 0.25\n")
        .contains("kerneltracer_kv_evictions_total{session=\"session\",dp_rank=\"0\"} 1\n")
        .contains("phase=\"decode\"} 3\n")
        .contains("reason=\"batch \\\"too\\\" large\"} 1\n");
  }

  @Test
  void bucketsOfAHistogramGrow() {
    EventLines server = EventLines.server(directory.resolve("session"));
    for (int i = 1; i <= 1000; i++) {
      server.step(1, 1, 0, 1, 10, ",'step_ns':" + i * 1_000_000L);
    }
    String page = MetricsPage.of(List.of(server.read()));
    assertThat(page)
        .contains(
            "kerneltracer_step_seconds_bucket{session=\"session\",dp_rank=\"0\",le=\"+Inf\"} 1000\n")
        .contains("kerneltracer_step_seconds_sum{session=\"session\",dp_rank=\"0\"} 500.5\n");
    long before = 0;
    for (String line : page.lines().filter(l -> l.contains("step_seconds_bucket")).toList()) {
      long count = Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
      assertThat(count).isGreaterThanOrEqualTo(before);
      before = count;
    }
    // Within the 5 % of the buckets.
    Matcher half = Pattern.compile("le=\"0.5\"} ([0-9]+)").matcher(page);
    assertThat(half.find()).isTrue();
    assertThat(Long.parseLong(half.group(1))).isBetween(470L, 530L);
  }

  @Test
  void theServerAnswersOnTheLoopbackAlone() throws IOException, InterruptedException {
    WatchedSession session = everything().read();
    try (MetricsServer server =
            MetricsServer.start("127.0.0.1", 0, () -> MetricsPage.of(List.of(session)));
        HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> page = get(client, server.url());
      assertThat(page.statusCode()).isEqualTo(200);
      assertThat(page.headers().firstValue("Content-Type")).hasValue(MetricsPage.CONTENT_TYPE);
      assertThat(page.body()).isEqualTo(MetricsPage.of(List.of(session)));
      assertThat(get(client, server.url() + "x").statusCode()).isEqualTo(404);
      assertThat(server.url()).startsWith("http://127.0.0.1:");

      assertThatThrownBy(() -> MetricsServer.start("127.0.0.1", server.port(), () -> ""))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("cannot serve metrics on 127.0.0.1:" + server.port());
    }
  }

  private static HttpResponse<String> get(HttpClient client, String url)
      throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void everyMetricOfTheDashboardExistsAndIsDocumented() throws IOException {
    Set<String> served = new TreeSet<>();
    Matcher names = METRIC.matcher(MetricsPage.of(List.of(everything().read())));
    while (names.find()) {
      served.add(names.group());
    }
    JsonNode dashboard = new JsonMapper().readTree(docs("grafana-watch.json"));
    Set<String> used = new TreeSet<>();
    Set<Integer> ids = new HashSet<>();
    for (JsonNode panel : dashboard.path("panels")) {
      assertThat(panel.path("title").asString("")).isNotEmpty();
      assertThat(panel.path("type").asString("")).isNotEmpty();
      assertThat(ids.add(panel.path("id").asInt(-1))).isTrue();
      assertThat(panel.path("gridPos").path("w").asInt(0)).isBetween(1, 24);
      for (JsonNode target : panel.path("targets")) {
        Matcher metrics = METRIC.matcher(target.path("expr").asString(""));
        while (metrics.find()) {
          used.add(metrics.group());
        }
      }
    }
    assertThat(dashboard.path("schemaVersion").asInt(0)).isPositive();
    assertThat(dashboard.path("title").asString("")).isNotEmpty();
    assertThat(used).hasSizeGreaterThan(15);
    assertThat(served).containsAll(used);

    String documented = docs("watch-metrics.md");
    for (String name : served) {
      String family = name.replaceAll("_(bucket|sum|count)$", "");
      assertThat(documented).as("documentation of " + family).contains("`" + family + "`");
    }
  }

  private static String docs(String name) throws IOException {
    return Files.readString(
        Path.of(System.getProperty("kerneltracer.root", "."), "docs").resolve(name));
  }

  /// A session in which every kind of event has happened.
  private EventLines everything() {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.capture(0.5, 8).replay(1, 7, 8).eager(1, 9, "batch \\\"too\\\" large");
    server.step(1, 3, 2, 250, 1000).evict(2, 12, 1).preempt(2, "r1").served(2, "r2", 10, 5);
    return server.moe(2, 0, "1,2,3").moe(2, 1, "0,0,0");
  }
}
