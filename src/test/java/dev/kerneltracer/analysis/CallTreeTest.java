package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.analysis.InferencePath.Call;
import dev.kerneltracer.analysis.InferencePath.Part;
import dev.kerneltracer.analysis.InferencePath.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Which calls are alike.
class CallTreeTest {
  private final List<Part> parts = new ArrayList<>();
  private final List<Call> calls = new ArrayList<>();
  private final Map<String, Integer> operators = new HashMap<>();

  @Test
  void layersOfSeveralKindsAreFoldedKindByKind() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    for (int layer = 0; layer < 12; layer++) {
      boolean global = layer % 6 == 5;
      String path = "layers." + layer;
      part(path + ".attn", "Attention", global ? "full" : "sliding");
      int at = call(model, path, "Layer", "f32[1, 8]");
      call(at, path + ".attn", "Attention", "f32[1, 8]");
    }
    assertThat(lines())
        .containsExactly(
            "Model",
            "  layers.0-4,6-10 ×10",
            "    attn ×10 sliding",
            "  layers.5,11 ×2",
            "    attn ×2 full");
  }

  @Test
  void layersThatRunOtherOperatorsAreOthers() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    for (int layer = 0; layer < 3; layer++) {
      call(model, "h." + layer, "Layer", "f32[1, 8]");
      operators.put("h." + layer, layer == 0 ? 0 : 1);
    }
    assertThat(lines()).containsExactly("Model", "  h.0", "  h.1-2 ×2");
  }

  @Test
  void layersOfOtherShapesAreOthers() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    call(model, "h.0", "Layer", "f32[1, 8]");
    call(model, "h.1", "Layer", "f32[1, 16]");
    assertThat(lines()).containsExactly("Model", "  h.0", "  h.1");
  }

  @Test
  void expertsFoldHoweverManyTokensTheyGet() {
    int model = call(-1, "", "Model", "f32[9, 8]");
    int[][] hit = {{1, 4}, {0, 2, 7}};
    for (int layer = 0; layer < 2; layer++) {
      int at = call(model, "layers." + layer, "Layer", "f32[9, 8]");
      for (int expert : hit[layer]) {
        String path = "layers." + layer + ".experts." + expert;
        int mlp = call(at, path, "MLP", "f32[" + (expert + 1) + ", 8]");
        call(mlp, path + ".up", "Linear", "f32[" + (expert + 1) + ", 8]");
      }
    }
    assertThat(lines())
        .containsExactly(
            "Model", "  layers.0-1 ×2", "    experts.0-2,4,7 ×5 varies", "      up ×5 varies");
  }

  @Test
  void aModuleThatIsCalledInARowIsOneRow() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    for (int i = 0; i < 4; i++) {
      call(model, "shared", "Layer", "f32[1, 8]");
    }
    call(model, "norm", "Norm", "f32[1, 8]");
    call(model, "shared", "Layer", "f32[1, 8]");
    assertThat(lines()).containsExactly("Model", "  shared ×4", "  norm", "  shared");
  }

  @Test
  void whatRunsOneAfterTheOtherKeepsItsOrder() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    part("seq", "Sequential", "");
    String[] classes = {"Linear", "ReLU", "Linear", "Linear"};
    for (int i = 0; i < classes.length; i++) {
      call(model, "seq." + i, classes[i], "f32[1, 8]");
    }
    assertThat(lines()).containsExactly("Model", "  seq.0", "  seq.1", "  seq.2-3 ×2");
  }

  @Test
  void modulesThatLieElsewhereKeepTheirWholePath() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    for (int layer = 0; layer < 2; layer++) {
      int at = call(model, "layers." + layer, "Layer", "f32[1, 8]");
      call(at, "rotary", "Rotary", "f32[1, 8]");
    }
    assertThat(lines()).containsExactly("Model", "  layers.0-1 ×2", "    rotary ×2");
  }

  @Test
  void aCallThatRaisedSaysSo() {
    int model = call(-1, "", "Model", "f32[1, 8]");
    calls.add(
        new Call(0, "fast", "Fast", List.of("f32[1, 8]"), List.of(), "", 0, model, "ValueError"));
    CallTree tree = tree();
    assertThat(tree.roots().getFirst().children().getFirst().raised()).isEqualTo("ValueError");
  }

  private void part(String module, String moduleClass, String kind) {
    parts.add(new Part(module, moduleClass, 0, kind));
  }

  private int call(int parent, String module, String moduleClass, String shape) {
    @Nullable String none = null;
    calls.add(
        new Call(0, module, moduleClass, List.of(shape), List.of(shape), "f32", 0, parent, none));
    return calls.size() - 1;
  }

  private CallTree tree() {
    InferencePath path = new InferencePath(parts, List.of(new Step("step", "")), calls);
    return new CallTree.Builder(path, new ModuleLists(path))
        .tree(0, operators, Map.of(), PathFilter.ALL);
  }

  private List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines(tree().roots(), "", lines);
    return lines;
  }

  private static void lines(List<CallTree.Node> nodes, String indent, List<String> lines) {
    for (CallTree.Node node : nodes) {
      String times = node.calls() > 1 ? " ×" + node.calls() : "";
      String kind = node.kind().isEmpty() ? "" : " " + node.kind();
      lines.add(indent + node.name() + times + kind + (node.shapesVary() ? " varies" : ""));
      lines(node.children(), indent + "  ", lines);
    }
  }
}
