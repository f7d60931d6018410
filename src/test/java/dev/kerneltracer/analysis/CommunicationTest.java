package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CommunicationTest {
  private static final String DESCRIBED =
      "\"Collective name\":\"allreduce\",\"In msg nelems\":1000,\"Out msg nelems\":1000,"
          + "\"Group size\":4,\"dtype\":\"BFloat16\",\"Process Group Name\":\"0\","
          + "\"Process Group Description\":\"default_pg\"";

  private static List<Communication.Row> rows(Trace trace) {
    return Communication.of(trace, TraceLinks.of(trace), DeviceWork.of(trace)).rows();
  }

  @Test
  void whatOtherKernelsHideIsNotExposed() {
    Trace trace =
        new ChromeTrace()
            .work(
                "kernel", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(x)", 0, 20, 100, 200, DESCRIBED)
            .work("kernel", "gemm", 0, 7, 50, 130)
            .work("kernel", "gemm", 0, 8, 120, 140)
            .work("gpu_memcpy", "Memcpy DtoD", 0, 7, 150, 160)
            .work("kernel", "gemm on another device", 1, 7, 100, 200)
            .read();

    // nccl-tests: 2 (n - 1) / n for all-reduce.
    assertThat(rows(trace))
        .containsExactly(
            new Communication.Row(
                "all_reduce",
                "default_pg (0)",
                2000,
                1,
                100_000,
                60_000,
                40_000,
                2000 / 100_000.0 * 1.5));
  }

  @Test
  void theOperatorAroundTheLaunchDescribesAKernelThatSaysNothing() {
    Trace trace =
        new ChromeTrace()
            .operator(1, "record_param_comms", 0, 50, DESCRIBED.replace("allreduce", "all_to_all"))
            .annotation(1, "nccl:all_to_all", 5, 45)
            .launch(10, 12, "ncclDevKernel_SendRecv(x)", 60, 80)
            .read();

    Communication.Row row = rows(trace).getFirst();

    assertThat(row.collective()).isEqualTo("all_to_all");
    assertThat(row.bytes()).isEqualTo(2000);
    assertThat(row.busBandwidth()).isCloseTo(2000 / 20_000.0 * 0.75, within(1e-12));
  }

  @Test
  void shapesTellTheSizeWhereNothingElseDoes() {
    Trace trace =
        new ChromeTrace()
            .operator(
                1,
                "_C_custom_ar::all_reduce",
                0,
                50,
                "\"Input Dims\":[[],[64,4096],[64,4096],[]],"
                    + "\"Input type\":[\"Scalar\",\"c10::BFloat16\",\"c10::BFloat16\",\"Scalar\"]")
            .launch(10, 12, "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>(x)", 60, 80)
            .read();

    assertThat(rows(trace))
        .containsExactly(
            new Communication.Row("all_reduce", "", 524_288, 1, 20_000, 20_000, 0, -1));
  }

  @ParameterizedTest
  @CsvSource({
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>), ALL_REDUCE",
    "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclDevComm*), SEND_RECV",
    "ncclDevKernel_ReduceScatter_Sum_f32_RING_LL(x), REDUCE_SCATTER",
    "ncclDevKernel_Reduce_Sum_f32_RING_LL(x), REDUCE",
    "ncclDevKernel_AllGather_RING_LL(x), ALL_GATHER",
    "ncclDevKernel_Broadcast_RING_LL(x), BROADCAST",
    "ncclDevKernel_Generic_1(x), OTHER",
    "'void sglang::cross_device_reduce_2stage<half, 8>(x)', ALL_REDUCE",
    "'void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<1>(x)', ALL_REDUCE",
    "void (anonymous namespace)::multimem_all_reduce_kernel<16>(x), ALL_REDUCE",
    "'void deep_ep::internode_ll::dispatch<true, 3>(x)', ALL_TO_ALL",
    "'void quickreduce::allreduce_prototype_twoshot<x>(y)', ALL_REDUCE"
  })
  void collectivesAreKnownByTheirKernelsNames(String kernel, Collective collective) {
    assertThat(Collective.ofKernel(kernel)).isEqualTo(collective);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>(x)",
        "void at::native::vectorized_gather_kernel<16, long>(x)",
        "void at::native::_scatter_gather_elementwise_kernel<128, 8>(x)",
        "void cutlass::device_kernel<SomethingWithAllReduce>(x)",
        "triton_red_fused_add_rms_norm_0"
      })
  void otherKernelsAreNone(String kernel) {
    assertThat(Collective.ofKernel(kernel)).isNull();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[[6144], [6144], []] | [\"float\", \"float\", \"\"] | 24576",
        "[[384],[384],[],[]] | [\"long\",\"long\",\"\",\"Scalar\"] | 3072",
        "[[[64, 4096]], []] | [\"TensorList\", \"\"] | 0",
        "[[1073741824], [16777216]] | [\"signed char\", \"signed char\"] | 1073741824",
        "[[]] | [\"float\"] | 0",
        "'' | '' | 0",
        "[[99999999999999999999,99999999999,99999999999]] | [\"float\"] | 0"
      })
  void theLargestInputCounts(String dims, String types, long bytes) {
    assertThat(TensorBytes.largest(dims, types)).isEqualTo(bytes);
  }

  @Test
  void aRankOfATensorParallelRunReducesItsActivations() {
    Trace trace = TraceReader.read(TestTraces.trace("tp_rank0"));

    assertThat(rows(trace))
        .singleElement()
        .satisfies(row -> {
          assertThat(row.collective()).isEqualTo("all_reduce");
          assertThat(row.group()).isEqualTo("default_pg (0)");
          assertThat(row.bytes()).isEqualTo(64 * 4096 * 2);
          assertThat(row.calls()).isEqualTo(96);
          assertThat(row.totalNs()).isEqualTo(row.exposedNs() + row.overlappedNs());
          // For two ranks the factor is 1.
          assertThat(row.busBandwidth()).isCloseTo(96.0 * 524_288 / row.totalNs(), within(1e-9));
        });
  }

  /// Two ranks that ran ten all-reduces beside a kernel of known length, or none, recorded by
  /// `scripts/record-communication`. The kernel begins some 50 µs after the collective.
  @ParameterizedTest
  @CsvSource({"exposed, 0", "exposed, 1", "half, 0", "half, 1", "overlapped, 0", "overlapped, 1"})
  void collectivesAreExposedWhereNothingRunsBesideThem(String program, int rank)
      throws IOException {
    String name = "communication/" + program + ".rank" + rank;
    JsonNode truth = new JsonMapper().readTree(Files.readString(TestTraces.file(name + ".json")));
    long rounds = truth.path("rounds").asLong();
    long collectiveNs = rounds * truth.path("collective_ns").asLong();
    long computingNs = rounds * truth.path("computing_ns").asLong();

    Communication.Row row =
        rows(TraceReader.read(TestTraces.trace(name))).stream()
            .filter(each -> each.bytes() == truth.path("bytes").asLong())
            .findFirst()
            .orElseThrow();

    assertThat(row.collective()).isEqualTo("all_reduce");
    assertThat(row.calls()).isEqualTo(rounds);
    assertThat(row.totalNs()).isCloseTo(collectiveNs, Percentage.withPercentage(15));
    assertThat(row.exposedNs() + row.overlappedNs()).isEqualTo(row.totalNs());
    if (computingNs >= collectiveNs) {
      assertThat(row.exposedNs()).isLessThan(rounds * 100_000);
    } else {
      assertThat(row.overlappedNs()).isCloseTo(computingNs, Percentage.withPercentage(2));
    }
  }
}
