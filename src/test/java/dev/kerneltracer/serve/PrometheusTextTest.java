package dev.kerneltracer.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.serve.PrometheusText.Sample;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrometheusTextTest {
  @TempDir Path directory;

  @Test
  void namesLabelsAndValuesAreRead() {
    List<Sample> samples =
        PrometheusText.parse(
            """
            # HELP http_requests_total The total number of HTTP requests.
            # TYPE http_requests_total counter
            http_requests_total{method="post",code="200"} 1027 1395066363000
            escapes{path="C:\\\\DIR",error="Cannot \\"find\\"\\nfile, }"} 1.458255915e9
            plain 12.47
            spaced { a = "b" , } 3
            not_a_number NaN
            most +Inf
            with_exemplar_bucket{le="0.1"} 8 # {trace_id="abc"} 0.04
            broken{a="b 5
            broken
            {a="b"} 5
            """);

    assertThat(samples)
        .containsExactly(
            new Sample("http_requests_total", Map.of("method", "post", "code", "200"), 1027),
            new Sample(
                "escapes",
                Map.of("path", "C:\\DIR", "error", "Cannot \"find\"\nfile, }"),
                1.458255915e9),
            new Sample("plain", Map.of(), 12.47),
            new Sample("spaced", Map.of("a", "b"), 3),
            new Sample("not_a_number", Map.of(), Double.NaN),
            new Sample("most", Map.of(), Double.POSITIVE_INFINITY),
            new Sample("with_exemplar_bucket", Map.of("le", "0.1"), 8));
  }

  @Test
  void namesOfTodayAndOfYesterdayMeanTheSame() {
    ServerState today =
        ServerState.of(
            """
            vllm:num_requests_running{engine="0",model_name="m"} 3.0
            vllm:num_requests_running{engine="1",model_name="m"} 4.0
            vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
            vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
            vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
            vllm:num_preemptions_total{engine="0",model_name="m"} 6.0
            vllm:prefix_cache_queries_total{engine="0",model_name="m"} 100.0
            vllm:prefix_cache_hits_total{engine="0",model_name="m"} 40.0
            vllm:prompt_tokens_total{engine="0",model_name="m"} 1000.0
            vllm:generation_tokens_total{engine="0",model_name="m"} 500.0
            vllm:iteration_tokens_total_count{engine="0",model_name="m"} 77.0
            vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 8.0
            vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 1.0
            """,
            5,
            1);
    ServerState yesterday =
        ServerState.of(
            """
            vllm:num_requests_running{model_name="m"} 7.0
            vllm:num_requests_waiting{model_name="m"} 2.0
            vllm:gpu_cache_usage_perc{model_name="m"} 0.5
            vllm:num_preemptions_total{model_name="m"} 6.0
            vllm:gpu_prefix_cache_queries_total{model_name="m"} 100.0
            vllm:gpu_prefix_cache_hits_total{model_name="m"} 40.0
            vllm:prompt_tokens_total{model_name="m"} 1000.0
            vllm:generation_tokens_total{model_name="m"} 500.0
            vllm:iteration_tokens_total_count{model_name="m"} 77.0
            vllm:request_success_total{finished_reason="stop",model_name="m"} 9.0
            """,
            5,
            1);

    assertThat(today).isEqualTo(yesterday);
    assertThat(today).isEqualTo(new ServerState(5, 1, 7, 2, 0.5, 6, 100, 40, 1000, 500, 77, 9));
    assertThat(ServerState.of("up 1\n", 0, 0).isVllm()).isFalse();
  }

  @Test
  void countersStandAsWhatTheyGrewByInASecond() throws Exception {
    Path file = directory.resolve("server_metrics.csv");

    ServerMetrics.write(
        file,
        List.of(
            new ServerState(0, 2_000_000, 1, 0, 0.1, 0, 0, 0, 10, 1, 1, 0),
            new ServerState(1_000_000_000, 2_000_000, 4, 9, 0.95, 2, 50, 20, 30, 41, 11, 3),
            new ServerState(
                2_000_000_000,
                2_000_000,
                Double.NaN,
                9,
                Double.NaN,
                2,
                50,
                20,
                30,
                41,
                Double.NaN,
                3)));

    assertThat(Files.readAllLines(file))
        .containsExactly(
            "time_s,running,waiting,kv_cache_usage,preemptions,preemptions_total,prefix_queries,prefix_hits,"
                + "prefix_hit_rate,prompt_tokens,generation_tokens,steps,finished_total,scrape_s",
            "0.000,1,0,0.100000,0,0,0,0,,0,0,0,0,0.0020",
            "1.000,4,9,0.950000,2,2,50,20,0.4000,20,40,10,3,0.0020",
            "2.000,,9,,0,2,0,0,,0,0,,3,0.0020");
  }
}
