package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Marks of modules, which torch writes among the operators, say which module ran what.
class ModuleMarksTest {
  /// A model that calls one layer twice, and launches something itself.
  private static ChromeTrace marked() {
    return new ChromeTrace()
        .operator("kerneltracer.module  TinyModel", 0, 100)
        .operator("kerneltracer.module layers.0 Layer", 10, 30)
        .operator("aten::mm", 12, 20)
        .launch(14, 16, "gemm", 200, 207)
        .operator("kerneltracer.module layers.0 Layer", 40, 60)
        .operator("kerneltracer.module layers.0.act SiLU", 42, 50)
        .launch(44, 46, "silu", 210, 213)
        .launch(70, 72, "last", 220, 225);
  }

  @Test
  void modulesHaveTheirPathsAndWhatIsLaunchedInThem() {
    assertThat(modules(marked().read()))
        .containsExactly(
            new ModuleTable.Row("TinyModel", "TinyModel", 1, 100_000, 15_000, 15_000, 3),
            new ModuleTable.Row("layers.0", "Layer", 2, 40_000, 10_000, 10_000, 2),
            new ModuleTable.Row("layers.0.act", "SiLU", 1, 8_000, 3_000, 3_000, 1));
  }

  @Test
  void aMarkIsNoOperatorAndTakesNoTimeFromOne() {
    Trace trace =
        new ChromeTrace()
            .operator("custom::block", 0, 100)
            .annotation(ChromeTrace.MAIN, "kerneltracer.module mlp MLP", 10, 90)
            .launch(20, 22, "inner", 200, 210)
            .read();
    Events events = trace.events();
    TraceLinks links = TraceLinks.of(trace);
    assertThat(events.category(1)).isEqualTo(Category.MODULE);
    assertThat(events.name(links.operator(3))).isEqualTo("custom::block");
    OperatorCalls calls = new OperatorCalls(trace, links);
    assertThat(calls.cpuSelfNs(0)).isEqualTo(98_000);
    OperatorTable operators = OperatorTable.of(trace, links);
    assertThat(operators.rows())
        .extracting(OperatorTable.Row::operator)
        .containsExactly("custom::block");
  }

  @Test
  void marksCountAloneWherePythonFunctionsTellOfModulesToo() {
    Trace trace =
        new ChromeTrace()
            .python("nn.Module: TinyModel_0", 0, 100)
            .operator("kerneltracer.module  TinyModel", 5, 95)
            .launch(20, 22, "k", 200, 210)
            .read();
    assertThat(modules(trace))
        .containsExactly(
            new ModuleTable.Row("TinyModel", "TinyModel", 1, 90_000, 10_000, 10_000, 1));
  }

  @Test
  void aModuleWithinItselfCountsItsTimeOnce() {
    Trace trace =
        new ChromeTrace()
            .operator("kerneltracer.module tree Tree", 0, 100)
            .operator("kerneltracer.module tree Tree", 10, 50)
            .launch(20, 22, "k", 200, 210)
            .read();
    assertThat(modules(trace))
        .containsExactly(new ModuleTable.Row("tree", "Tree", 2, 100_000, 10_000, 10_000, 1));
  }

  @Test
  void layersAreTheFirstNumbersOfPaths() {
    Trace trace =
        new ChromeTrace()
            .operator("kerneltracer.module model Model", 0, 100)
            .operator("kerneltracer.module model.layers.17 Layer", 10, 90)
            .operator("kerneltracer.module rotary Rotary", 20, 30)
            .operator("kerneltracer.module model.layers.17.experts.3 MLP", 40, 50)
            .read();
    ModulePaths paths = new ModulePaths(trace, TraceLinks.of(trace));
    assertThat(List.of(paths.layer(paths.of(0)), paths.layer(paths.of(1)))).containsExactly(-1, 17);
    assertThat(List.of(paths.layer(paths.of(2)), paths.layer(paths.of(3)))).containsExactly(17, 17);
  }

  private static List<ModuleTable.Row> modules(Trace trace) {
    TraceLinks links = TraceLinks.of(trace);
    SelectedRows all = SelectedRows.of(trace, Selection.ALL);
    return ModuleTable.of(trace, links, new ModulePaths(trace, links), all).rows();
  }
}
