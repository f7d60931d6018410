package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SessionTablesTest {
  /// The columns that users of the earlier tool parse. They come first, in this order, whatever is
  /// added after them.
  private static final Map<String, String> COMPAT =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry(
                  "cuda_graph_captures.csv",
                  "runtime_mode,num_tokens,num_reqs,uniform,has_lora,capture_time_sec"),
              Map.entry(
                  "cuda_graph_usage.csv",
                  "runtime_mode,num_tokens,num_reqs,uniform,has_lora,replay_count"),
              Map.entry("cuda_graph_timeline.csv", "timestamp_sec,descriptor,duration_ms"),
              Map.entry("kv_cache_usage.csv", "timestamp_sec,usage_pct,num_blocks,total_blocks"),
              Map.entry("kv_cache_evictions.csv", "timestamp_sec,lifetime_sec,idle_sec"),
              Map.entry(
                  "forward_pass_timing.csv",
                  "timestamp_sec,phase,batch_size,num_tokens,forward_time_ms,"
                      + "throughput_tokens_per_sec"),
              Map.entry("cpu_operations_timing.csv", "timestamp_sec,operation,duration_ms,context"),
              Map.entry(
                  "batch_utilization.csv",
                  "timestamp_sec,num_seqs,max_num_seqs,seq_utilization_pct,num_tokens,max_tokens,"
                      + "token_utilization_pct,phase,running_queue_len,waiting_queue_len"),
              Map.entry(
                  "preemption_events.csv",
                  "timestamp_sec,request_id,event,reason,running_time_sec,extra_info"),
              Map.entry(
                  "request_lifecycle.csv",
                  "request_id,started_sec,preempted_sec,resumed_sec,finished_sec,total_time_sec,"
                      + "preemption_delay_sec"),
              Map.entry(
                  "moe_expert_activations.csv", "layer_idx,expert_id,activation_count,percentage"),
              Map.entry(
                  "moe_load_imbalance.csv", "layer_idx,timestamp_sec,std_dev,max_min_ratio")));

  @TempDir private Path directory;

  @Test
  void everyCompatColumnStandsWhereItStood() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.capture(0.5, 8).replay(1, 7, 8).step(1, 7, 0, 10, 1000).evict(2, 3, 1);
    server.preempt(2, "r1").served(2, "r1", 10, 5).moe(2, 0, "1,2");
    server.line("cpu_operation", 2, "'operation':'schedule','duration_ns':1000,'context':{'a':1}");
    server.flush();
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
    }
    for (Map.Entry<String, String> table : COMPAT.entrySet()) {
      List<String> lines = lines(server.session().resolve(table.getKey()));
      assertThat(lines.getFirst() + ",").as(table.getKey()).startsWith(table.getValue() + ",");
      assertThat(lines).as(table.getKey()).hasSizeGreaterThan(1);
      int columns = lines.getFirst().split(",", -1).length;
      assertThat(lines).as(table.getKey()).allMatch(line -> line.split(",", -1).length == columns);
    }
    try (var files = Files.list(server.session())) {
      assertThat(files.map(file -> file.getFileName().toString()).filter(n -> n.endsWith(".csv")))
          .containsExactlyInAnyOrderElementsOf(COMPAT.keySet());
    }
    assertThat(server.session().resolve("kv_cache_summary.txt")).exists();
  }

  @Test
  void rowsAreSeenAsSoonAsTheyWereRead() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
      server.step(1.5, 3, 2, 250, 1000).evict(2.25, 12.5, 0.125).flush();
      session.update();
      assertThat(lines(server.session().resolve("kv_cache_usage.csv")))
          .endsWith("1.500000,25.00,250,1000");
      assertThat(lines(server.session().resolve("kv_cache_evictions.csv")))
          .endsWith("2.250000,12.500000,0.125000,7");
      assertThat(lines(server.session().resolve("batch_utilization.csv")).getLast())
          .startsWith("1.500000,3,8,37.50,3,2048,0.15,decode,3,2,");
    }
  }

  @Test
  void aGraphIsKnownByEveryFieldAndCountsForwards() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server.capture(0.5, 8).capture(0.75, 16);
    server.replay(1, 7, 8).replay(1.1, 8, 8);
    server
        .line(
            "forward",
            1.2,
            "'mode':'PIECEWISE','descriptor':{'num_tokens':8,'num_reqs':null,'uniform':false,"
                + "'has_lora':true,'num_active_loras':2,'later_field':5},'replays':29,'tokens':8,"
                + "'padded_tokens':8,'requests':2,'phase':'mixed','host_ns':5000000")
        .flush();
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
    }
    assertThat(lines(server.session().resolve("cuda_graph_usage.csv")))
        .containsExactly(
            "runtime_mode,num_tokens,num_reqs,uniform,has_lora,replay_count,num_active_loras,"
                + "uniform_token_count,max_query_len,later_field,padded_tokens,padding_tokens,"
                + "pieces_replayed",
            "FULL,8,8,True,False,2,0,1,1,,16,1,2",
            "FULL,16,16,True,False,0,0,1,1,,0,0,0",
            "PIECEWISE,8,,False,True,1,2,,,5,8,0,29");
    assertThat(lines(server.session().resolve("cuda_graph_captures.csv")))
        .contains(
            "FULL,8,8,True,False,0.500000,0,1,1,,0.250000,1",
            "FULL,16,16,True,False,0.750000,0,1,1,,0.250000,1")
        .hasSize(3);
    assertThat(lines(server.session().resolve("cuda_graph_timeline.csv")).get(1))
        .isEqualTo(
            "1.000000,FULL num_tokens=8 num_reqs=8 uniform=True has_lora=False max_query_len=1"
                + " num_active_loras=0 uniform_token_count=1,2.500");
  }

  @Test
  void oneInSoManyIsWrittenAndOneASecond() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    for (int i = 0; i < 100; i++) {
      server.step(1 + i * 0.001, 1, 0, i, 1000).evict(1 + i * 0.001, 1, 1);
    }
    server.step(9, 1, 0, 500, 1000).flush();
    try (WatchedSession session = new WatchedSession(server.session(), true, 10)) {
      session.update();
    }
    assertThat(lines(server.session().resolve("kv_cache_usage.csv"))).hasSize(1 + 10 + 1);
    assertThat(lines(server.session().resolve("kv_cache_evictions.csv"))).hasSize(1 + 100);
  }

  @Test
  void aRequestsLifeIsOneRowAndOneThatNeverEndedIsToo() throws IOException {
    EventLines server = EventLines.server(directory.resolve("session"));
    server
        .request(1, "a", "queued", ",'prompt_tokens':10")
        .request(2, "a", "scheduled", "")
        .request(2.5, "a", "first_token", "")
        .request(3, "a", "preempted", "")
        .request(3.5, "a", "resumed", "")
        .request(5, "a", "finished", ",'reason':'stop','output_tokens':7,'preemptions':1")
        .request(6, "b", "queued", ",'prompt_tokens':10")
        .preempt(3, "a")
        .flush();
    try (WatchedSession session = new WatchedSession(server.session(), true, 100)) {
      session.update();
    }
    assertThat(lines(server.session().resolve("request_lifecycle.csv")))
        .endsWith(
            "a,2.000000,3.000000,3.500000,5.000000,3.000000,0.500000,1.000000,2.500000,10,7,1,stop",
            "b,6.000000,,,,,0.000000,6.000000,,10,0,0,");
    assertThat(lines(server.session().resolve("preemption_events.csv")))
        .anySatisfy(line -> assertThat(line).startsWith("3.000000,a,preempted,kv_cache_full,0.5"))
        .anySatisfy(line -> assertThat(line).startsWith("3.500000,a,resumed,,,"));
  }

  @Test
  void ranksStandApart() throws IOException {
    Path session = directory.resolve("session");
    EventLines first = EventLines.server(session);
    first.capture(0.5, 8).replay(1, 8, 8).step(1, 1, 0, 10, 1000).flush();
    EventLines second = EventLines.process(session, 12).hello().worker(0, 1, "cuda:1");
    second.capture(0.6, 8).replay(1, 8, 8).replay(2, 8, 8).flush();
    EventLines third = EventLines.process(session, 13).hello().engine(1, 500, "");
    third.worker(1, 0, "cuda:2").step(1, 1, 0, 100, 500).flush();
    try (WatchedSession read = new WatchedSession(session, true, 100)) {
      read.update();
      assertThat(read.state().workers()).hasSize(3);
      assertThat(read.state().engines()).hasSize(2);
    }
    assertThat(lines(session.resolve("cuda_graph_usage.csv")).get(1))
        .startsWith("FULL,8,8,True,False,1,");
    assertThat(lines(session.resolve("rank_0_1/cuda_graph_usage.csv")).get(1))
        .startsWith("FULL,8,8,True,False,2,");
    assertThat(lines(session.resolve("kv_cache_usage.csv"))).endsWith("1.000000,1.00,10,1000");
    assertThat(lines(session.resolve("rank_1_0/kv_cache_usage.csv")))
        .endsWith("1.000000,20.00,100,500");
  }

  /// The events of a real vLLM on a CPU whose cache had 19 blocks. The probe counted too, and wrote
  /// these tables itself.
  @Test
  void aRecordedSessionGivesTheTablesThatTheProbeWrote() throws IOException {
    Path session = recorded(directory.resolve("session"));
    try (WatchedSession read = new WatchedSession(session, true, 100)) {
      while (read.update()) {
        // Until its end.
      }
      assertThat(read.badLines()).isZero();
      assertThat(read.cutFiles()).isZero();
    }
    assertThat(lines(session.resolve("kv_cache_evictions.csv"))).hasSize(1 + 67);
    assertThat(lines(session.resolve("kv_cache_evictions.csv")).get(1))
        .startsWith("22.559815,0.071115,0.004906");
    assertThat(lines(session.resolve("kv_cache_usage.csv")))
        .startsWith(
            "timestamp_sec,usage_pct,num_blocks,total_blocks",
            "22.488123,10.53,2,19",
            "22.767446,94.74,18,19");
    assertThat(lines(session.resolve("request_lifecycle.csv"))).hasSize(1 + 16);
    assertThat(lines(session.resolve("preemption_events.csv")).get(1))
        .startsWith("22.554880,cmpl-a1dd59400b146511-0-b36118c8,preempted,kv_cache_full,0.066564,");
    assertThat(lines(session.resolve("forward_pass_timing.csv")).get(1))
        .startsWith("22.475238,prefill,1,40,7.990,5005.95,");
    assertThat(Files.readString(session.resolve("kv_cache_summary.txt")))
        .contains("Total blocks:                19\n")
        .contains("Evictions:                   67\n")
        .contains("Preemptions:                 12 (kv_cache_full 12)\n");
  }

  /// What the earlier guide told its readers to type.
  @Test
  void awkAndSortReadTheTables() throws IOException, InterruptedException {
    Path session = recorded(directory.resolve("session"));
    EventLines more = EventLines.process(session, 99).hello().worker(0, 0, "cuda:0");
    more.capture(30, 8).capture(30, 16).replay(31, 7, 8).replay(32, 9, 16).replay(33, 10, 16);
    more.flush();
    new WatchedSession(session, true, 100).close();

    assertThat(shell(session, "awk -F, 'NR>1 {s+=$6} END {print s}' cuda_graph_usage.csv"))
        .isEqualTo("3");
    assertThat(
            shell(
                session,
                "tail -n +2 cuda_graph_usage.csv | sort -t, -k6 -rn | head -1 | cut -d, -f1,2,6"))
        .isEqualTo("FULL,16,2");
    assertThat(shell(session, "awk -F, 'NR>1 && $2>m {m=$2} END {print m}' kv_cache_usage.csv"))
        .isEqualTo("94.74");
    assertThat(
            shell(
                session,
                "awk -F, 'NR>1 {l+=$2; i+=$3; n++} END {print n, (l/n<10 ? \"young\" : \"old\")}'"
                    + " kv_cache_evictions.csv"))
        .isEqualTo("67 young");
    assertThat(shell(session, "awk -F, '$3==\"preempted\"' preemption_events.csv | wc -l"))
        .isEqualTo("12");
    assertThat(
            shell(
                session,
                "awk -F, 'NR>1 {print $NF}' request_lifecycle.csv | sort | uniq -c | xargs"))
        .isEqualTo("16 length");
    assertThat(
            shell(
                session,
                "awk -F, '$2==\"decode\" {n++} END {print (n>0)}' forward_pass_timing.csv"))
        .isEqualTo("1");
    assertThat(shell(session, "grep -c $'\\r' *.csv | grep -v ':0' | wc -l")).isEqualTo("0");
  }

  private static String shell(Path session, String command)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("bash", "-c", command)
            .directory(session.toFile())
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return out.strip();
  }

  static Path recorded(Path target) throws IOException {
    Path from =
        Path.of(
            System.getProperty("kerneltracer.root", "."),
            "src/test/resources/sessions/small_cache");
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Path copy = target.resolve(from.relativize(file).toString());
            Files.createDirectories(copy.getParent());
            Files.copy(file, copy);
            return FileVisitResult.CONTINUE;
          }
        });
    return target;
  }

  private static List<String> lines(Path file) throws IOException {
    return Files.readAllLines(file);
  }
}
