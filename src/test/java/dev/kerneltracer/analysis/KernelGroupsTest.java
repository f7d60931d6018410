package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelGroupsTest {
  private static final Set<String> GROUPS =
      Set.of(
          "attention",
          "matmul",
          "normalization",
          "rope",
          "activation",
          "elementwise",
          "reduction",
          "sampling",
          "cache",
          "moe",
          "communication",
          "copy",
          "memset",
          "embedding",
          "other");

  private final KernelGroups groups = KernelGroups.load();

  @Test
  void realKernelsFallIntoTheirGroups() {
    SoftAssertions softly = new SoftAssertions();
    for (KernelNames name : KernelNames.all()) {
      softly.assertThat(groups.of(name.kernel())).as(name.kernel()).isEqualTo(name.group());
    }
    softly.assertAll();
  }

  @Test
  void everyRuleDecidesForSomeRealKernel() {
    Set<KernelGroups.Rule> unused = new HashSet<>(groups.rules());
    for (KernelNames name : KernelNames.all()) {
      unused.remove(groups.ruleFor(name.kernel()));
    }
    assertThat(unused).extracting(rule -> rule.line() + ": " + rule.pattern()).isEmpty();
  }

  @Test
  void everyGroupIsOneOfTheContract() {
    Set<String> named = new HashSet<>(Set.of(KernelGroups.OTHER));
    for (KernelGroups.Rule rule : groups.rules()) {
      named.add(rule.group());
    }
    assertThat(named).isEqualTo(GROUPS);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuda_graph_replay",
        "hf_llama_eager_generate",
        "hf_llama_eager_stack",
        "tp_rank0"
      })
  void theNamesOfTheTestsAreThoseOfTheTraces(String trace) {
    Set<String> known = new HashSet<>();
    for (KernelNames name : KernelNames.all()) {
      known.add(name.kernel());
    }
    Events events = TraceReader.read(TestTraces.trace(trace)).events();
    Set<String> inTrace = new HashSet<>();
    for (int row = 0; row < events.size(); row++) {
      if (events.category(row) == Category.KERNEL) {
        inTrace.add(events.name(row));
      }
    }
    assertThat(inTrace).isNotEmpty().isSubsetOf(known);
  }

  /// Each would keep a backtracking matcher busy for minutes, were a rule of that kind; the limit
  /// is no measure of speed.
  @Test
  void longNamesAreNoTrap() {
    List<String> nasty = new ArrayList<>();
    nasty.add("a".repeat(5000));
    nasty.add("_".repeat(5000));
    nasty.add("triton_poi_fused" + "_cat_copy".repeat(550) + "!");
    nasty.add("triton_poi_fused" + "_copy__to_copy".repeat(350) + "x");
    nasty.add("triton_poi_fused" + "_zeros_like".repeat(450) + "x");
    nasty.add("triton_poi_fused" + "__to_copy".repeat(550) + "x");
    nasty.add("at::native::elementwise_kernel<" + "copy_silu_<".repeat(450));
    nasty.add("at::native::elementwise_kernel<" + "at::native::elementwise<".repeat(200) + ">(");
    nasty.add("ck_tile::kentry<" + "ck_tile::kentry<".repeat(300));
    nasty.add("cutlass::device_kernel<" + "flash::fla<".repeat(450) + "(".repeat(500));
    nasty.add("void " + "(".repeat(2500) + ">".repeat(2500));
    nasty.add("void f<" + "(<".repeat(2500));
    KernelSources sources = KernelSources.load();
    assertTimeoutPreemptively(
        Duration.ofSeconds(30),
        () -> {
          for (String name : nasty) {
            assertThat(groups.of(name)).isIn(GROUPS);
            assertThat(sources.of(name, Map.of())).doesNotContain("\t");
          }
        });
  }

  @Test
  void theRulesOfAUserComeFirstAndMayNameNewGroups(@TempDir Path directory) throws IOException {
    Path rules = directory.resolve("mine.txt");
    Files.writeString(
        rules, "# mine\n\n  draft-model \t ^my_company::\r\nmatmul  flash_fwd_kernel\n");

    KernelGroups mine = KernelGroups.load(rules);

    assertThat(mine.of("void my_company::thing<float>(float*)")).isEqualTo("draft-model");
    assertThat(mine.of("void flash::flash_fwd_kernel<int>(int)")).isEqualTo("matmul");
    assertThat(mine.of("nvjet_sm90_tst_128x8_64x12_4x1_v_bz_TNT")).isEqualTo("matmul");
    assertThat(groups.of("void my_company::thing<float>(float*)")).isEqualTo("other");
  }

  @Test
  void aBadRuleIsToldByFileAndLine(@TempDir Path directory) throws IOException {
    Path rules = directory.resolve("mine.txt");
    Files.writeString(rules, "# mine\nmoe  ok\nmoe  (unclosed\n");
    assertThatThrownBy(() -> KernelGroups.load(rules))
        .isInstanceOfSatisfying(
            UserException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.INPUT_UNREADABLE))
        .hasMessageContaining(rules + ", line 3")
        .hasMessageContaining("(unclosed");

    Files.writeString(rules, "moe\n");
    assertThatThrownBy(() -> KernelGroups.load(rules)).hasMessageContaining(rules + ", line 1");

    Files.writeString(rules, "^flash  attention\n");
    assertThatThrownBy(() -> KernelGroups.load(rules)).hasMessageContaining(rules + ", line 1");
  }

  @Test
  void aMissingFileOfRulesIsToldByName(@TempDir Path directory) {
    Path missing = directory.resolve("none.txt");
    assertThatThrownBy(() -> KernelGroups.load(missing))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(missing.toString());
  }
}
