package dev.kerneltracer.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each piece of advice, with a session that calls for it and one that does not.
class AdviceTest {
  @TempDir private Path directory;
  private int sessions;

  @Test
  void aCacheThatIsHardlyUsedIsTooLarge() {
    Finding finding = only("kv_cache_too_large", server -> steps(server, 100, 4, 0, 400));
    assertThat(finding.text()).contains("40.0 % full (400 of 1,000 blocks)").contains("500 blocks");
    assertThat(finding.flag()).isEqualTo("--num-gpu-blocks-override 500");
    none("kv_cache_too_large", server -> steps(server, 100, 4, 0, 700));
    none("kv_cache_too_large", server -> steps(server, Advice.LEAST_STEPS - 1, 4, 0, 400));
  }

  @Test
  void aFullCacheIsTooSmall() {
    Finding finding = only("kv_cache_too_small", server -> steps(server, 100, 4, 0, 950));
    assertThat(finding.text()).contains("95.0 % full (950 of 1,000 blocks)");
    assertThat(finding.flag()).isEqualTo("--gpu-memory-utilization 0.95");
    none("kv_cache_too_small", server -> steps(server, 100, 4, 0, 899));
  }

  @Test
  void betweenThemTheCacheIsGoodOrTight() {
    assertThat(only("kv_cache_size_good", server -> steps(server, 100, 4, 0, 700)).level())
        .isEqualTo(Finding.Level.GOOD);
    none("kv_cache_size_good", server -> steps(server, 100, 4, 0, 850));
    only("kv_cache_size_tight", server -> steps(server, 100, 4, 0, 850));
    none("kv_cache_size_tight", server -> steps(server, 100, 4, 0, 700));
  }

  @Test
  void onACpuTheCacheIsSetByAVariable() {
    WatchedSession read =
        session(server -> {
          server.worker(0, 0, "cpu");
          steps(server, 100, 4, 0, 950);
        });
    assertThat(finding(read, "kv_cache_too_small").getFirst().flag())
        .isEqualTo("VLLM_CPU_KVCACHE_SPACE=1");
  }

  @Test
  void blocksThatDieYoungWantALargerCache() {
    Finding finding = only("kv_blocks_die_young", server -> evictions(server, 2, 0.5));
    assertThat(finding.numbers()).containsEntry("evictions", 20.0);
    assertThat(finding.flag()).isEqualTo("--gpu-memory-utilization 0.95");
    none("kv_blocks_die_young", server -> evictions(server, 30, 0.5));
  }

  @Test
  void blocksThatLieIdleAreNoLoss() {
    only("kv_blocks_lie_idle", server -> evictions(server, 30, 20));
    none("kv_blocks_lie_idle", server -> evictions(server, 30, 2));
    only("kv_evictions_healthy", server -> evictions(server, 30, 2));
    none("kv_evictions_healthy", server -> evictions(server, 30, 20));
  }

  @Test
  void manyPreemptionsWantFewerSequences() {
    Finding finding =
        only(
            "many_preemptions",
            server -> {
              steps(server, 100, 8, 0, 1000);
              server.engine(0, 1000, ",'max_num_seqs':16");
              requests(server, 20);
              server.preempt(3, "r1");
            });
    // 1000 blocks for 8 sequences: 125 each, of which 7 fit into 95 % of the cache.
    assertThat(finding.flag()).isEqualTo("--max-num-seqs 7");
    assertThat(finding.text()).contains("1 preemptions for 20 finished requests (5.0 %)");
    none("many_preemptions", server -> requests(server, 20));
    only("no_preemptions", server -> requests(server, 20));
    none(
        "no_preemptions",
        server -> {
          requests(server, 20);
          server.preempt(3, "r1");
        });
  }

  @Test
  void aQueueNamesTheLimitThatHoldsItUp() {
    assertThat(only("queue_pressure", server -> steps(server, 100, 8, 8, 500)).flag())
        .isEqualTo("--max-num-seqs 16");
    assertThat(only("queue_pressure", server -> steps(server, 100, 6, 6, 950)).flag())
        .isEqualTo("--gpu-memory-utilization 0.95");
    Finding budget =
        only(
            "queue_pressure",
            server -> {
              for (int i = 0; i < 100; i++) {
                server.step(1 + i, 4, 4, 500, 1000, ",'prefill_tokens':2044");
              }
            });
    assertThat(budget.flag()).isEqualTo("--max-num-batched-tokens 4096");
    assertThat(only("queue_pressure", server -> steps(server, 100, 4, 4, 500)).flag()).isEmpty();
    none("queue_pressure", server -> steps(server, 100, 8, 2, 500));
  }

  @Test
  void aModelLengthThatNobodyUsesIsNamedWithItsCost() {
    Finding finding = only("max_model_len_too_long", server -> requests(server, 20));
    // 4096 tokens × 2 layers × 2 heads × 32 × 2 × 2 bytes = 2 MiB, for 8 sequences 16 MiB.
    assertThat(finding.text()).contains("2.00 MiB").contains("16.0 MiB").contains("125 tokens");
    assertThat(finding.numbers())
        .containsEntry("kv_bytes_per_full_sequence", 4096 * 512.0)
        .containsEntry("kv_bytes_for_max_num_seqs", 8 * 4096 * 512.0)
        .containsEntry("full_sequences_that_fit", 3.0);
    assertThat(finding.flag()).isEqualTo("--max-model-len 256");
    none(
        "max_model_len_too_long",
        server -> {
          requests(server, 20);
          server.served(3, "long", 3000, 100);
        });
    only(
        "max_model_len_used",
        server -> {
          requests(server, 20);
          server.served(3, "long", 3000, 100);
        });
    none("max_model_len_used", server -> requests(server, Advice.LEAST_FINISHED - 1));
  }

  @Test
  void aPrefixCacheWithoutHitsIsUseless() {
    Finding finding = only("prefix_cache_useless", server -> prefixes(server, 10_000, 0));
    assertThat(finding.flag()).isEqualTo("--no-enable-prefix-caching");
    none("prefix_cache_useless", server -> prefixes(server, 10_000, 500));
    only("prefix_cache_works", server -> prefixes(server, 10_000, 5000));
    none("prefix_cache_works", server -> prefixes(server, 10_000, 500));
  }

  @Test
  void timeBetweenStepsWantsAsyncScheduling() {
    Finding finding =
        only(
            "host_time_between_steps",
            server -> {
              for (int i = 0; i < 100; i++) {
                server.step(1 + i, 4, 0, 700, 1000, ",'host_ns':10000000");
              }
            });
    assertThat(finding.text()).contains("50.0 % of the time lay between steps");
    assertThat(finding.flag()).isEqualTo("--async-scheduling");
    none("host_time_between_steps", server -> steps(server, 100, 4, 0, 700));
  }

  @Test
  void unevenExpertsAreNamed() {
    Finding finding =
        only("experts_uneven", server -> server.moe(1, 0, "500,500").moe(1, 3, "900,50,30,20"));
    assertThat(finding.text()).contains("layer 3").contains("3.6 times the mean");
    assertThat(finding.flag()).isEqualTo("--enable-eplb");
    none("experts_uneven", server -> server.moe(1, 0, "500,400,600"));
    only("experts_even", server -> server.moe(1, 0, "500,400,600"));
    none("experts_even", server -> server.moe(1, 0, "900,50,30,20"));
  }

  @Test
  void graphSizesThatNeverRanAreToBeDropped() {
    Finding finding =
        only(
            "graph_sizes_to_drop",
            server -> {
              server.capture(0.2, 1).capture(0.3, 2).capture(0.4, 4).capture(0.5, 8);
              replays(server, 150, 1, 1);
              replays(server, 150, 4, 4);
            });
    assertThat(finding.text()).contains("2 of 4 captured sizes never ran").contains(": 2, 8.");
    assertThat(finding.text()).contains("500 ms");
    assertThat(finding.flag())
        .isEqualTo("--compilation-config '{\"cudagraph_capture_sizes\": [1, 4]}'");
    none(
        "graph_sizes_to_drop",
        server -> {
          server.capture(0.2, 1).capture(0.3, 4);
          replays(server, 150, 1, 1);
          replays(server, 150, 4, 4);
        });
  }

  @Test
  void muchPaddingNamesTheSizesThatWouldSaveIt() {
    Finding finding =
        only(
            "padding_high",
            server -> {
              server.capture(0.2, 8).capture(0.3, 32);
              replays(server, 300, 20, 32);
              replays(server, 100, 8, 8);
            });
    // 300 × 12 of 300 × 32 + 100 × 8.
    assertThat(finding.numbers()).containsEntry("padding_overhead", 3600.0 / 10_400);
    assertThat(finding.numbers()).containsEntry("padding_overhead_after", 0.0);
    assertThat(finding.flag())
        .isEqualTo("--compilation-config '{\"cudagraph_capture_sizes\": [8, 20, 32]}'");
    none("padding_high", server -> replays(server.capture(0.2, 32), 300, 31, 32));
    only("padding_low", server -> replays(server.capture(0.2, 32), 300, 31, 32));
    none("padding_low", server -> replays(server.capture(0.2, 32), 300, 20, 32));
  }

  @Test
  void decodeForwardsWithoutAGraphWantLargerSizes() {
    Finding finding =
        only(
            "graph_sizes_to_add",
            server -> {
              replays(server.capture(0.2, 8), 200, 8, 8);
              for (int i = 0; i < 100; i++) {
                server.eager(2, 19, "batch_too_large");
              }
            });
    assertThat(finding.text()).contains("100 decode forwards (33.3 % of all)");
    assertThat(finding.flag())
        .isEqualTo("--compilation-config '{\"cudagraph_capture_sizes\": [8, 19, 24]}'");
    none("graph_sizes_to_add", server -> replays(server.capture(0.2, 8), 300, 8, 8));
  }

  @Test
  void enforcedEagerModeIsTold() {
    only(
        "enforce_eager",
        server -> {
          for (int i = 0; i < 200; i++) {
            server.eager(2, 4, "enforce_eager");
          }
        });
    none("enforce_eager", server -> replays(server.capture(0.2, 8), 300, 8, 8));
    none(
        "enforce_eager",
        server -> {
          server.worker(0, 0, "cpu");
          for (int i = 0; i < 200; i++) {
            server.eager(2, 4, "enforce_eager");
          }
        });
  }

  @Test
  void aHighHitRateIsGood() {
    only("graph_hit_rate_good", server -> replays(server.capture(0.2, 8), 300, 8, 8));
    none(
        "graph_hit_rate_good",
        server -> {
          replays(server.capture(0.2, 8), 200, 8, 8);
          for (int i = 0; i < 100; i++) {
            server.eager(2, 19, "batch_too_large");
          }
        });
  }

  @Test
  void ofAnEmptySessionNothingIsSaid() {
    assertThat(Advice.of(session(_ -> {}).state())).isEmpty();
  }

  private static void steps(EventLines server, int count, int running, int waiting, long used) {
    for (int i = 0; i < count; i++) {
      server.step(1 + i * 0.01, running, waiting, used, 1000);
    }
  }

  private static void evictions(EventLines server, double lifetime, double idle) {
    for (int i = 0; i < Advice.LEAST_EVICTIONS; i++) {
      server.evict(1 + i, lifetime, idle);
    }
  }

  private static void requests(EventLines server, int count) {
    for (int i = 0; i < count; i++) {
      server.served(1 + i, "r" + i, 100, 25);
    }
  }

  private static void prefixes(EventLines server, long asked, long hit) {
    server.step(
        1, 4, 0, 500, 1000, ",'prefix_query_tokens':" + asked + ",'prefix_hit_tokens':" + hit);
  }

  private static void replays(EventLines server, int count, long tokens, long padded) {
    for (int i = 0; i < count; i++) {
      server.replay(1 + i * 0.01, tokens, padded);
    }
  }

  private WatchedSession session(Consumer<EventLines> server) {
    EventLines lines = EventLines.server(directory.resolve("session_" + sessions++));
    server.accept(lines);
    return lines.read();
  }

  private static List<Finding> finding(WatchedSession session, String id) {
    return Advice.of(session.state()).stream().filter(finding -> finding.id().equals(id)).toList();
  }

  private Finding only(String id, Consumer<EventLines> server) {
    WatchedSession read = session(server);
    assertThat(read.badLines()).isZero();
    List<Finding> found = finding(read, id);
    assertThat(found).as(id).hasSize(1);
    return found.getFirst();
  }

  private void none(String id, Consumer<EventLines> server) {
    WatchedSession read = session(server);
    assertThat(read.badLines()).isZero();
    assertThat(finding(read, id)).as("no " + id).isEmpty();
  }
}
