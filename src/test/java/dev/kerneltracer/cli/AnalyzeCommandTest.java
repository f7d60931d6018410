package dev.kerneltracer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.trace.TestTraces;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `analyze` on real traces: its files agree with each other, its filters and inputs do what they
/// say, and what is no trace is told apart.
class AnalyzeCommandTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path directory;

  private record Run(int exitCode, String out, String err) {}

  private static Run analyze(String... arguments) {
    List<String> words = new ArrayList<>(List.of("analyze"));
    words.addAll(List.of(arguments));
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(told, true, StandardCharsets.UTF_8));
      int exitCode = Main.run(words.toArray(String[]::new));
      return new Run(
          exitCode,
          printed.toString(StandardCharsets.UTF_8),
          told.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  private static String trace(String name) {
    return TestTraces.trace(name).toString();
  }

  private Path tables(String... arguments) {
    List<String> words = new ArrayList<>(List.of(arguments));
    words.addAll(List.of("--output-dir", directory.resolve("tables").toString()));
    Run run = analyze(words.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isZero();
    return directory.resolve("tables");
  }

  private static JsonNode json(String... arguments) {
    List<String> words = new ArrayList<>(List.of(arguments));
    words.addAll(List.of("--format", "json"));
    Run run = analyze(words.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isZero();
    return JSON.readTree(run.out());
  }

  /// The rows of a CSV file by its header; cells in quotes may hold commas and line breaks.
  private static List<Map<String, String>> rows(Path file) throws IOException {
    List<List<String>> lines = new ArrayList<>();
    List<String> cells = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean quoted = false;
    for (char c : Files.readString(file).toCharArray()) {
      if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && (c == ',' || c == '\n')) {
        cells.add(cell.toString());
        cell.setLength(0);
        if (c == '\n') {
          lines.add(cells);
          cells = new ArrayList<>();
        }
      } else if (quoted || c != '\r') {
        cell.append(c);
      }
    }
    List<Map<String, String>> rows = new ArrayList<>();
    for (List<String> line : lines.subList(1, lines.size())) {
      Map<String, String> row = new LinkedHashMap<>();
      for (int i = 0; i < line.size(); i++) {
        row.put(lines.getFirst().get(i), line.get(i));
      }
      rows.add(row);
    }
    return rows;
  }

  private static long sum(List<Map<String, String>> rows, String column) {
    return rows.stream()
        .map(row -> row.getOrDefault(column, ""))
        .filter(text -> !text.isEmpty())
        .mapToLong(Long::parseLong)
        .sum();
  }

  @Test
  void everyTableHasItsColumns() throws IOException {
    Path tables = tables(trace("hf_llama_eager_stack"), "--kernel-events");

    Map<String, String> headers = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(tables)) {
      for (Path file : files.sorted().toList()) {
        if (file.toString().endsWith(".csv")) {
          headers.put(
              file.getFileName().toString(), Files.readString(file).lines().findFirst().orElse(""));
        }
      }
    }
    assertThat(headers)
        .containsExactly(
            Map.entry(
                "communication.csv",
                "collective,group,bytes,calls,total_ns,exposed_ns,overlapped_ns,bus_bandwidth_gb_s"),
            Map.entry(
                "critical_path.csv", "step,position,kind,name,device,start_ns,duration_ns,module"),
            Map.entry(
                "gaps.csv", "device,start_ns,duration_ns,cause,operator_before,operator_after"),
            Map.entry(
                "kernel_events.csv",
                "file,rank,device,stream,start_ns,duration_ns,kernel,group,operator,module,layer,"
                    + "step,phase,source"),
            Map.entry(
                "kernels.csv",
                "kernel,group,calls,total_ns,share,avg_ns,min_ns,p50_ns,max_ns,streams,grid,block,"
                    + "registers,shared_bytes,occupancy_pct,source"),
            Map.entry("modules.csv", "module,class,calls,cpu_ns,device_ns,share,kernels"),
            Map.entry(
                "operator_kernels.csv",
                "cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count,device_ns"),
            Map.entry(
                "operators.csv",
                "operator,input_shapes,calls,cpu_total_ns,cpu_self_ns,device_ns,kernels"),
            Map.entry(
                "steps.csv",
                "step,phase,start_ns,span_ns,busy_ns,idle_ns,kernels,context_tokens,"
                    + "generation_tokens,requests"));
  }

  @ParameterizedTest
  @CsvSource({
    "hf_llama_eager_stack",
    "hf_llama_eager_generate",
    "cuda_graph_replay",
    "vllm_qwen3_serve_graphs",
    "tp_rank1"
  })
  void sumsOverEveryTableEqualTheTotals(String name) throws IOException {
    Path tables = tables(trace(name), "--kernel-events");
    JsonNode summary = JSON.readTree(tables.resolve("summary.json"));
    long kernels = summary.get("kernels").asLong();
    long time = summary.get("kernel_time_ns").asLong();

    List<Map<String, String>> byKernel = rows(tables.resolve("kernels.csv"));
    assertThat(sum(byKernel, "total_ns")).isEqualTo(time);
    assertThat(sum(byKernel, "calls")).isEqualTo(kernels);
    assertThat(byKernel).hasSize(summary.get("distinct_kernels").asInt());
    List<Map<String, String>> events = rows(tables.resolve("kernel_events.csv"));
    assertThat(events).hasSize((int) kernels);
    assertThat(sum(events, "duration_ns")).isEqualTo(time);
    List<Map<String, String>> byOperator = rows(tables.resolve("operator_kernels.csv"));
    assertThat(sum(byOperator, "device_ns")).isEqualTo(time);
    assertThat(sum(byOperator, "gpu_kernel_total_count")).isEqualTo(kernels);
    assertThat(sum(rows(tables.resolve("operators.csv")), "kernels"))
        .isEqualTo(summary.at("/trust/kernels_joined_to_operator").asLong());
    List<Map<String, String>> modules = rows(tables.resolve("modules.csv"));
    List<Map<String, String>> outermost =
        modules.stream().filter(row -> !row.getOrDefault("module", "").contains(".")).toList();
    assertThat(sum(outermost, "kernels"))
        .isEqualTo(summary.at("/trust/kernels_joined_to_module").asLong());
    assertThat(sum(rows(tables.resolve("steps.csv")), "kernels")).isLessThanOrEqualTo(kernels);
    assertThat(rows(tables.resolve("steps.csv"))).hasSize(summary.get("steps").asInt());
    assertThat(sum(rows(tables.resolve("gaps.csv")), "duration_ns"))
        .isEqualTo(
            summary.get("idle_ns_by_cause").properties().stream()
                .mapToLong(cause -> cause.getValue().asLong())
                .sum());
  }

  @Test
  void aServingTraceIsToldByItsStepsGroupsAndGraphs() {
    JsonNode summary = json(trace("vllm_qwen3_serve_graphs"));

    assertThat(summary.get("steps").asInt()).isEqualTo(20);
    assertThat(summary.get("steps_by_phase").toString())
        .isEqualTo("{\"decode\":18,\"mixed\":1,\"prefill\":1}");
    assertThat(summary.get("kernels").asInt()).isEqualTo(7_669);
    assertThat(summary.get("ranks").toString()).isEqualTo("[0]");
    assertThat(summary.at("/trust/complete").asBoolean()).isTrue();

    Run run = analyze(trace("vllm_qwen3_serve_graphs"));
    assertThat(run.out())
        .contains("GPU busy", "matmul ", "attention ", "decode      18", "Idle", "Trust: complete");
    assertThat(run.out().lines().count()).isLessThanOrEqualTo(40);
  }

  @Test
  void stepsOfOnePhaseAndTheOthersMakeUpAllSteps() throws IOException {
    String file = trace("vllm_qwen3_serve_graphs");
    List<Map<String, String>> steps = rows(tables(file).resolve("steps.csv"));

    JsonNode decode = json(file, "--phase", "decode");
    JsonNode others = json(file, "--phase", "prefill,mixed");
    JsonNode some = json(file, "--steps", "2-3,5");

    assertThat(decode.get("steps").asInt()).isEqualTo(18);
    assertThat(others.get("steps").asInt()).isEqualTo(2);
    assertThat(decode.get("kernels").asLong() + others.get("kernels").asLong())
        .isEqualTo(sum(steps, "kernels"))
        .isGreaterThan(7_000);
    assertThat(some.get("steps").asInt()).isEqualTo(3);
    assertThat(some.get("filter").asString()).isEqualTo("steps 2-3,5");
    assertThat(analyze(file, "--phase", "decode").out()).contains("Only phase decode");
  }

  @Test
  void aKernelFilterLeavesTheKernelsInWhoseNameItIsFound() {
    JsonNode summary = json(trace("tp_rank0"), "--kernel", "nccl.*AllReduce");

    assertThat(summary.get("kernels").asInt()).isEqualTo(96);
    assertThat(summary.get("distinct_kernels").asInt()).isEqualTo(1);
    assertThat(summary.get("busy_ns").asLong())
        .isLessThan(json(trace("tp_rank0")).get("busy_ns").asLong());
  }

  @Test
  void severalRanksAreSummedAndTheirClocksKeptApart() throws IOException {
    Path tables = tables(trace("tp_rank0"), trace("tp_rank1"));
    JsonNode summary = JSON.readTree(tables.resolve("summary.json"));
    JsonNode first = json(trace("tp_rank0"));
    JsonNode second = json(trace("tp_rank1"));

    for (String key :
        List.of("events", "kernels", "kernel_time_ns", "busy_ns", "span_ns", "launches")) {
      assertThat(summary.get(key).asLong())
          .as(key)
          .isEqualTo(first.get(key).asLong() + second.get(key).asLong());
    }
    assertThat(summary.get("ranks").toString()).isEqualTo("[0,1]");
    assertThat(summary.get("files")).hasSize(2);
    assertThat(summary.get("busy_ns_by_device").propertyNames()).containsExactly("0/0", "1/1");
    assertThat(sum(rows(tables.resolve("kernels.csv")), "total_ns"))
        .isEqualTo(summary.get("kernel_time_ns").asLong());
    assertThat(rows(tables.resolve("gaps.csv")).stream().map(row -> row.get("device")).distinct())
        .containsExactly("0/0", "1/1");
    assertThat(json(trace("tp_rank0"), trace("tp_rank1"), "--rank", "1").get("kernels").asInt())
        .isEqualTo(577);
  }

  @Test
  void aDirectoryOrGlobStandsForItsTraces() throws IOException {
    Path traces = Files.createDirectories(directory.resolve("a/b"));
    Files.copy(TestTraces.trace("tp_rank0"), traces.resolve("0.pt.trace.json.gz"));
    Files.copy(TestTraces.trace("tp_rank1"), directory.resolve("a/1.json.gz"));
    Files.writeString(directory.resolve("a/job.json"), "{\"model\": \"x\"}");
    Files.writeString(directory.resolve("a/.2.json.1234.partial"), "{");

    Run whole = analyze(directory.resolve("a").toString());
    assertThat(whole.exitCode()).isZero();
    assertThat(whole.out()).contains("2 traces, ranks 0 1");
    assertThat(whole.err()).containsOnlyOnce("passed over, no traces: ").contains("job.json");
    assertThat(json(directory + "/a/*.json.gz").get("kernels").asInt()).isEqualTo(577);
    assertThat(json(directory + "/a/**.json.gz").get("kernels").asInt()).isEqualTo(1_153);
    // Named twice, counted once.
    assertThat(json(directory + "/a/1.json.gz", directory + "/a/../a/1.json.gz").get("kernels"))
        .hasToString("577");
  }

  @Test
  void theOrderIsTheOneAskedFor() throws IOException {
    Path tables = tables(trace("hf_llama_eager_generate"), "--sort", "calls");
    List<Long> calls =
        rows(tables.resolve("kernels.csv")).stream()
            .map(row -> Long.valueOf(row.getOrDefault("calls", "")))
            .toList();

    assertThat(calls).isSortedAccordingTo((a, b) -> Long.compare(b, a));
    assertThat(json(trace("hf_llama_eager_generate"), "--top", "3").get("top_kernels")).hasSize(3);
  }

  @Test
  void memoryReportsMakeATableOfTheirOwn() throws IOException {
    Path tables =
        tables(
            TestTraces.file("peers/tracelens_h100_gaunernst_bert-small-uncased__1016001.json.gz")
                .toString());

    assertThat(rows(tables.resolve("memory.csv"))).hasSize(236);
    assertThat(tables(trace("tp_rank0")).resolve("summary.json")).exists();
  }

  @Test
  void aTraceOfTheCpuAloneShowsItsOperators() {
    Run run = analyze(trace("cpu_qwen3_steps"));

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("no work on a device", "aten::", "decode").doesNotContain("GPU");
  }

  @ParameterizedTest
  @CsvSource({
    "'<html><body>403 Forbidden</body></html>',HTML page",
    "'{\"a\": [1, 2]}',without traceEvents",
    "'',empty",
    "'{\"traceEvents\": []}',no events"
  })
  void whatIsNoTraceIsToldWhy(String content, String why) throws IOException {
    Path file = directory.resolve("x.json");
    Files.writeString(file, content);
    Path tables = directory.resolve("tables");

    Run run = analyze(file.toString(), "--output-dir", tables.toString());

    assertThat(run.exitCode()).isEqualTo(4);
    assertThat(run.err()).contains(file.toString(), why).doesNotContain("\tat ");
    assertThat(run.out()).isEmpty();
    assertThat(tables).isEmptyDirectory();
  }

  @Test
  void anotherGzipAndZstandardAreNoTraces() throws IOException {
    Path gzip = directory.resolve("x.json.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(gzip))) {
      out.write("just text".getBytes(StandardCharsets.UTF_8));
    }
    Path zstd = directory.resolve("x.json.zst");
    Files.write(zstd, new byte[] {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0});

    assertThat(analyze(gzip.toString()).exitCode()).isEqualTo(4);
    Run run = analyze(zstd.toString());
    assertThat(run.exitCode()).isEqualTo(4);
    assertThat(run.err()).contains("zstd -dc FILE | kerneltracer analyze -");
  }

  @Test
  void anUnreadableFileBesideAGoodOneIsAWarning() throws IOException {
    Path bad = directory.resolve("bad.json");
    Files.writeString(bad, "no trace");

    Run run = analyze(trace("tp_rank0"), bad.toString(), directory.resolve("gone*").toString());

    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).contains("warning: ", bad.toString(), "no file matches");
    assertThat(run.out()).contains("Trust: incomplete", "not JSON");
    JsonNode trust = json(trace("tp_rank0"), bad.toString()).get("trust");
    assertThat(trust.get("complete").asBoolean()).isFalse();
    assertThat(trust.get("warnings")).hasSize(1);
  }

  @Test
  void aTraceThatIsCutShortIsReadAsFarAsItGoes() throws IOException {
    byte[] whole = Files.readAllBytes(TestTraces.trace("hf_llama_eager_stack"));
    Path cut = directory.resolve("cut.json.gz");
    Files.write(cut, Arrays.copyOf(whole, whole.length / 2));

    Run run = analyze(cut.toString());
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("Trust: incomplete", "Warning: the file is");
    JsonNode trust = json(cut.toString()).get("trust");
    assertThat(trust.get("complete").asBoolean()).isFalse();
    assertThat(trust.at("/damage/0/kind").asString()).isIn("cut", "bad_gzip");
    assertThat(trust.at("/damage/0/offset").asLong()).isPositive();
  }

  @ParameterizedTest
  @CsvSource({
    "--phase sleeping,'prefill, decode, mixed, forward'",
    "--kernel (,no regular expression",
    "--steps 7-3,counts backwards",
    "--steps some,not of the form",
    "--steps 999,none of the",
    "--rank 5,There are traces of rank 0",
    "--top 0,--top",
    "--sort size,--sort",
    "--kernel-events,--output-dir",
    "--memory 16m,--memory",
    "--memory 5g3,--memory",
    "--memory 40,--memory"
  })
  void anOptionThatMeansNothingIsRefused(String options, String word) {
    List<String> words = new ArrayList<>(List.of(trace("tp_rank0")));
    words.addAll(List.of(options.split(" ", -1)));

    Run run = analyze(words.toArray(String[]::new));

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err()).contains(word).doesNotContain("\tat ");
    assertThat(run.out()).isEmpty();
  }

  @Test
  void aUsersRulesGoBeforeTheBuiltInGroups() throws IOException {
    Path rules = directory.resolve("rules.txt");
    Files.writeString(rules, "mine  nvjet\n");

    assertThat(analyze(trace("tp_rank0"), "--groups", rules.toString()).out()).contains("mine ");
  }

  @Test
  void theReportOfOldHasItsSections() throws IOException {
    String report =
        Files.readString(tables(trace("hf_llama_eager_stack")).resolve("profiler_report.txt"));

    assertThat(report)
        .contains(
            "Kernels: 68, calls: 1602, total: 4.879 ms",
            "Top 30 kernels by time",
            "Core kernels: attention",
            "Core kernels: normalization",
            "Core kernels: rotary",
            "Core kernels: activation",
            "All kernels");
  }
}
