package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class ModuleTableTest {
  @Test
  void whatAModuleLaunchesCountsForEveryModuleAroundIt() {
    Trace trace = TraceReader.read(TestTraces.trace("hf_llama_eager_stack"));
    TraceLinks links = TraceLinks.of(trace);
    ModulePaths paths = new ModulePaths(trace, links);
    ModuleTable table = ModuleTable.of(trace, links, paths, SelectedRows.of(trace, Selection.ALL));

    Map<String, ModuleTable.Row> byPath = new HashMap<>();
    table.rows().forEach(row -> byPath.put(row.module(), row));
    ModuleTable.Row layer =
        Objects.requireNonNull(byPath.get("LlamaForCausalLM_0.LlamaModel_0.LlamaDecoderLayer_3"));
    assertThat(layer.moduleClass()).isEqualTo("LlamaDecoderLayer");
    assertThat(layer.calls()).isEqualTo(4);
    long inside = 0;
    for (ModuleTable.Row row : table.rows()) {
      String prefix = layer.module() + ".";
      if (row.module().startsWith(prefix)
          && !row.module().substring(prefix.length()).contains(".")) {
        inside += row.kernels();
      }
    }
    assertThat(inside).isPositive().isLessThanOrEqualTo(layer.kernels());
    assertThat(table.rows().getFirst().module()).isEqualTo("LlamaForCausalLM_0");
  }

  @Test
  void aLayersNumberIsThatOfTheOutermostLayerAround() {
    Trace trace = TraceReader.read(TestTraces.trace("hf_llama_eager_stack"));
    ModulePaths paths = new ModulePaths(trace, TraceLinks.of(trace));
    Map<String, Integer> layers = new HashMap<>();
    for (int row = 0; row < trace.events().size(); row++) {
      if (trace.events().isModule(row)) {
        int path = paths.of(row);
        layers.put(paths.text(path), paths.layer(path));
      }
    }

    assertThat(layers).containsEntry("LlamaForCausalLM_0.LlamaModel_0.LlamaDecoderLayer_3", 3);
    assertThat(layers).containsEntry("LlamaForCausalLM_0.LlamaModel_0", -1);
    assertThat(layers.values()).contains(3, -1);
  }

  @Test
  void aClassIsANameWithoutItsNumber() {
    assertThat(ModulePaths.className("Linear_12")).isEqualTo("Linear");
    assertThat(ModulePaths.className("Conv2d")).isEqualTo("Conv2d");
    assertThat(ModulePaths.className("12")).isEqualTo("12");
  }
}
