package dev.kerneltracer.tracer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files as the tracers of graphs write them, shortened.
class GraphFindingsTest {
  private static final String NODE =
      """
      {"name": "linear", "op": "call_function", "target": "torch._C._nn.linear",
       "args": ["x", "weight", null], "kwargs": {}, "users": ["output"],
       "tensor": "T([1, 16, 64], f32)"}\
      """;

  @TempDir Path directory;

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  private static void assertSummary(Findings findings, String text, Map<String, Long> numbers) {
    assertThat(findings).isEqualTo(new Findings.Summary(text, numbers));
  }

  @Test
  void oneGraphOfDynamoStandsForItself() throws IOException {
    write(
        "print_fx.json",
        """
        {"type": "fx_graph", "graph": 0, "phase": "forward", "nodes": [%s]}
        """
            .formatted(NODE));

    assertSummary(
        GraphFindings.ofFx(directory),
        "1 graph of 1 node, 0 graph breaks (print_fx.json).",
        Map.of("graphs", 1L, "nodes", 1L, "breaks", 0L));
  }

  @Test
  void severalGraphsAreAddedUpAndTheFirstBreakIsNamed() throws IOException {
    write(
        "print_fx.json",
        """
        {"type": "fx_graphs",
         "graphs": [
          {"graph": 0, "phase": "prefill", "nodes": [%s, %s]},
          {"graph": 1, "phase": "decode step=1", "nodes": [%s]}],
         "breaks": [
          {"reason": "Data-dependent branching", "location": "model.py:12", "phase": "prefill"}]}
        """
            .formatted(NODE, NODE, NODE));

    assertSummary(
        GraphFindings.ofFx(directory),
        "2 graphs of 3 nodes, 1 graph break, the first at model.py:12 (print_fx.json).",
        Map.of("graphs", 2L, "nodes", 3L, "breaks", 1L));
  }

  @Test
  void callsOfAtenAreCountedInGraphsAloneAndBackwardGraphsAndBreaksAreTold() throws IOException {
    write(
        "print_aten.txt",
        """
        ===== Graph 0 =====
        # forward, forward
        class GraphModule(torch.nn.Module):
            def forward(self, primals_1: "f32[1024, 64]", primals_2: "i64[1, 16]"):
                embedding: "f32[1, 16, 64]" = torch.ops.aten.embedding.default(primals_1, primals_2)
                mm: "f32[16, 64]" = torch.ops.aten.mm.default(view, permute)

        ===== Graph 1 =====
        # backward, backward
        class GraphModule(torch.nn.Module):
            def forward(self, tangents_1: "f32[]"):
                mm_1: "f32[16, 64]" = torch.ops.aten.mm.default(view_1, permute_1)

        ===== Graph breaks =====
        # forward, model.py:12: calls torch.ops.aten.bmm.default in a way of its own
        """);

    assertSummary(
        GraphFindings.ofAtenText(directory),
        "2 graphs, 1 of them backward, with 3 calls of 2 ATen operators, 1 graph break"
            + " (print_aten.txt).",
        Map.of("graphs", 2L, "calls", 3L, "operators", 2L));
  }

  @Test
  void inductorsKernelsGraphsAndBinariesAreCounted() throws IOException {
    write(
        "torch_inductor_kernels.json",
        """
        [{"kernel_name": "triton_poi_fused_add_0", "ptx": "//",
          "cubin": "inductor_dump/cubin/triton_poi_fused_add_0.cubin", "source": "def",
          "launch_config": {"grid": [8, 1, 1], "num_warps": 4}, "graph": "graph_0_forward"},
         {"kernel_name": "triton_poi_fused_mul_1", "ptx": null, "cubin": null, "source": "def",
          "launch_config": {}, "graph": "graph_1_backward"}]
        """);
    write(
        "torch_inductor.txt",
        """
        inductor_dump/graph_0_forward/fx_graph_readable.py
        inductor_dump/graph_0_forward/output_code.py
        inductor_dump/graph_1_backward/output_code.py
        """);

    assertSummary(
        GraphFindings.ofInductor(directory),
        "2 kernels generated for 2 graphs, 1 cubin (torch_inductor_kernels.json, inductor_dump).",
        Map.of("graphs", 2L, "kernels", 2L, "files", 3L));
  }

  @Test
  void damagedAndMissingFilesAreNamed() throws IOException {
    write("print_fx.json", "{\"type\": \"fx_graphs\", \"graphs\": [");

    assertThatThrownBy(() -> GraphFindings.ofFx(directory))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("print_fx.json");
    assertThatThrownBy(() -> GraphFindings.ofAtenText(directory))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("print_aten.txt");
  }
}
