package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import dev.kerneltracer.analysis.CallCost;
import dev.kerneltracer.analysis.CallTree;
import dev.kerneltracer.analysis.InferencePath;
import dev.kerneltracer.analysis.NumberRanges;
import dev.kerneltracer.analysis.PathFilter;
import dev.kerneltracer.analysis.StepOperators;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.analysis.TracedPath;
import dev.kerneltracer.report.PathFiles;
import dev.kerneltracer.report.PathTree;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The path of a two-layer Llama that module_path recorded on a CPU: one prefill, two decode steps.
/// The numbers are those of an independent program over the same files.
class InferencePathTest {
  private static final Path RECORDED = TestTraces.file("path_llama.path.json");
  private static final Path TRACE = TestTraces.trace("path_llama");

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  private static TracedPath path() {
    return TracedPath.of(PathFile.read(RECORDED), TraceReader.read(TRACE));
  }

  @Test
  void aTokenIsTheDecodeStepOfMedianTime() {
    TracedPath path = path();
    int step = path.tokenStep();

    assertThat(path.name(step)).isEqualTo("kerneltracer.decode step=1 batch=1");
    assertThat(path.steps().get(step).operatorCalls()).isEqualTo(541);
    assertThat(path.steps().get(step).spanNs()).isEqualTo(131_993_536);
    assertThat(path.stepInWords(step)).isEqualTo("One token (the median of 2 decode steps)");
    assertThat(path.stepsInWords()).isEqualTo("1 prefill and 2 decode steps");
    assertThat(path.isPerToken(step)).isTrue();
  }

  @Test
  void alikeLayersAreOneRowWithTheCostOfAll() {
    TracedPath path = path();
    CallTree tree = path.tree(path.tokenStep(), PathFilter.ALL);

    assertThat(lines(tree))
        .containsExactly(
            "LlamaForCausalLM ×1 131096776 130",
            "  model ×1 115447759 128",
            "    embed_tokens ×1 45273 1",
            "    rotary_emb ×1 109477 11",
            "    layers.0-1 ×2 114806637 108",
            "      input_layernorm ×2 259324 16",
            "      self_attn ×2 22322563 62",
            "        q_proj ×2 131502 2",
            "        k_proj ×2 27555 2",
            "        v_proj ×2 28721 2",
            "        o_proj ×2 99188 2",
            "      post_attention_layernorm ×2 255931 16",
            "      mlp ×2 91789397 10",
            "        gate_proj ×2 34418518 2",
            "        act_fn ×2 92756 2",
            "        up_proj ×2 56794472 2",
            "        down_proj ×2 150170 2",
            "    norm ×1 153365 8",
            "  lm_head ×1 15480473 1");
    CallTree.Node up =
        find(tree.roots(), node -> node.module().equals("model.layers.*.mlp.up_proj"));
    assertThat(up.inputs()).containsExactly("f32[1, 1, 64]");
    assertThat(up.outputs()).containsExactly("f32[1, 1, 128]");
    assertThat(up.parameters()).isEqualTo(64 * 128);
    assertThat(up.modules()).isEqualTo(2);
  }

  @Test
  void operatorsOfATokenStandOnceForAllLayersAndAddUp() {
    TracedPath path = path();
    List<StepOperators.Row> rows = path.operators(path.tokenStep(), PathFilter.ALL).rows();

    assertThat(rows.stream().mapToLong(StepOperators.Row::calls).sum()).isEqualTo(162);
    assertThat(
            rows.stream()
                .filter(row -> row.layers() == 2)
                .mapToLong(StepOperators.Row::calls)
                .sum())
        .isEqualTo(108);
    assertThat(
            rows.stream()
                .filter(row -> row.module().isEmpty())
                .mapToLong(StepOperators.Row::calls)
                .sum())
        .isEqualTo(32);
    assertThat(
            rows.stream()
                .filter(row -> row.operator().equals("aten::linear"))
                .map(StepOperators.Row::module))
        .containsExactly(
            "model.layers.*.self_attn.q_proj",
            "model.layers.*.self_attn.k_proj",
            "model.layers.*.self_attn.v_proj",
            "model.layers.*.self_attn.o_proj",
            "model.layers.*.mlp.gate_proj",
            "model.layers.*.mlp.up_proj",
            "model.layers.*.mlp.down_proj",
            "lm_head");
    StepOperators.Row attention =
        rows.stream()
            .filter(row -> row.operator().equals("aten::scaled_dot_product_attention"))
            .findFirst()
            .orElseThrow();
    assertThat(attention.module()).isEqualTo("model.layers.*.self_attn");
    assertThat(attention.callsPerLayer()).isEqualTo(1);
    assertThat(rows.getFirst().operator() + " " + rows.getFirst().module())
        .isEqualTo("aten::embedding model.embed_tokens");
  }

  @Test
  void layersAndModulesCanBeChosen() {
    TracedPath path = path();
    int step = path.tokenStep();
    PathFilter attention =
        new PathFilter(Pattern.compile("LlamaAttention"), NumberRanges.parse("1"));

    assertThat(
            lines(path.tree(step, attention)).stream().map(line -> line.strip().split(" ", -1)[0]))
        .containsExactly(
            "LlamaForCausalLM",
            "model",
            "layers.1",
            "self_attn",
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj");
    List<StepOperators.Row> rows = path.operators(step, attention).rows();
    assertThat(rows.stream().mapToLong(StepOperators.Row::calls).sum()).isEqualTo(62 / 2);
    assertThat(rows).allMatch(row -> row.module().startsWith("model.layers.*.self_attn"));
    assertThat(attention.text()).isEqualTo("modules that match LlamaAttention, layers 1");
  }

  @Test
  void classesAndModulesAreCountedOverAllSteps() {
    InferencePath path = PathFile.read(RECORDED);

    assertThat(path.calls()).hasSize(96);
    assertThat(path.classes().getFirst())
        .isEqualTo(new InferencePath.ClassCalls("Linear", 45, 15, 45.0 / 96));
    assertThat(path.classes().getLast())
        .isEqualTo(new InferencePath.ClassCalls("ModuleList", 0, 1, 0));
    assertThat(path.mostCalled(path().lists()).getFirst())
        .isEqualTo(new InferencePath.ModuleCount("model.layers.*", "LlamaDecoderLayer", 2, 6));
  }

  @Test
  void filesHoldTheTreesTheCountsAndTheOperatorsInOrder() throws IOException {
    TracedPath path = path();

    PathFiles.write(directory, path, PathFiles.names(path));

    List<String> tree = Files.readAllLines(directory.resolve("path.txt"));
    assertThat(tree)
        .contains(
            "kerneltracer.prefill batch=1 tokens=16",
            "kerneltracer.decode step=1 batch=1, the median of 2 steps");
    assertThat(tree)
        .anyMatch(line -> line.matches("    layers.0-1 × 2 +LlamaDecoderLayer +1×16×64 .*"));
    assertThat(tree)
        .anyMatch(line -> line.matches(" +up_proj +Linear +1×1×64 → 1×1×128 +56.8 ms +43.3 % +2"));
    List<String> operators = Files.readAllLines(directory.resolve("per_token.csv"));
    assertThat(operators.getFirst())
        .isEqualTo(
            "position,operator,module,calls_per_layer,calls_per_token,kernels,source,kernel_calls,cpu_ns,device_ns");
    assertThat(operators.get(1)).startsWith("1,aten::embedding,model.embed_tokens,,1,,,0,");
    assertThat(operators)
        .anyMatch(line -> line.contains(",aten::linear,model.layers.*.mlp.up_proj,1,2,,,0,"));
    assertThat(Files.readAllLines(directory.resolve("module_calls.csv")))
        .startsWith("class,calls,instances,share_of_calls", "Linear,45,15,0.468750");
    assertThat(directory.resolve("profiler_report.txt")).content().contains("(none)");
  }

  @Test
  void noLineIsWiderThanTheTerminal() {
    TracedPath path = path();
    CallTree tree = path.tree(path.tokenStep(), PathFilter.ALL);

    for (int width : new int[] {60, 80, 120}) {
      String text = new PathTree(tree, PathTree.dtype(tree), false).render(width);
      assertThat(text.lines()).allMatch(line -> line.length() <= width).hasSize(20);
    }
  }

  @Test
  void callsThatTheTraceHasInAnotherNumberHaveNoCost() throws IOException {
    String text = Files.readString(RECORDED);
    String call = "\"module\":\"lm_head\",\"class\":\"Linear\"";
    Path changed = directory.resolve("path.json");
    Files.writeString(changed, text.replace(call, "\"module\":\"other\",\"class\":\"Linear\""));
    TracedPath path = TracedPath.of(PathFile.read(changed), TraceReader.read(TRACE));

    CallTree tree = path.tree(path.tokenStep(), PathFilter.ALL);

    assertThat(find(tree.roots(), node -> node.name().equals("other")).cost()).isNull();
    assertThat(find(tree.roots(), node -> node.name().equals("model")).cost()).isNotNull();
  }

  @Test
  void aDamagedPathIsSaidInOneLine() throws IOException {
    String text = Files.readString(RECORDED);
    for (String damaged :
        List.of("", "[]", "{", text.substring(0, text.length() / 2), "{\"x\": 1}")) {
      Path file = directory.resolve("path.json");
      Files.writeString(file, damaged);

      assertThatThrownBy(() -> PathFile.read(file))
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith("cannot read " + file);
    }
  }

  @Test
  void aTraceWithoutStepsTellsNoCost() {
    TracedPath path =
        TracedPath.of(
            PathFile.read(RECORDED), TraceReader.read(TestTraces.trace("cuda_graph_replay")));

    assertThat(path.tokenStep()).isEqualTo(-1);
    assertThat(path.typicalSteps()).doesNotContainKey(Steps.Phase.DECODE);
  }

  private static List<String> lines(CallTree tree) {
    List<String> lines = new ArrayList<>();
    lines(tree.roots(), "", lines);
    return lines;
  }

  private static void lines(List<CallTree.Node> nodes, String indent, List<String> lines) {
    for (CallTree.Node node : nodes) {
      CallCost cost = Objects.requireNonNull(node.cost());
      lines.add(
          indent + node.name() + " ×" + node.calls() + " " + cost.cpuNs() + " " + cost.operators());
      lines(node.children(), indent + "  ", lines);
    }
  }

  private static CallTree.Node find(
      List<CallTree.Node> nodes, Function<CallTree.Node, Boolean> wanted) {
    List<CallTree.Node> all = new ArrayList<>(nodes);
    for (int i = 0; i < all.size(); i++) {
      if (wanted.apply(all.get(i))) {
        return all.get(i);
      }
      all.addAll(all.get(i).children());
    }
    throw new AssertionError(
        all.stream().map(CallTree.Node::name).collect(Collectors.joining(" ")));
  }
}
