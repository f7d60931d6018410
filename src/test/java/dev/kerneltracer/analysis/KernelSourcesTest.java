package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;

class KernelSourcesTest {
  private static final String RESHAPE =
      "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16, (vllm::Fp8KVCacheDataType)0>(int)";

  private final KernelSources sources = KernelSources.load();

  @Test
  void realKernelsAreFoundInTheFilesThatDefineThem() {
    SoftAssertions softly = new SoftAssertions();
    for (KernelNames name : KernelNames.all()) {
      softly
          .assertThat(sources.of(name.kernel(), name.process()))
          .as(name.kernel())
          .isEqualTo(name.source());
    }
    softly.assertAll();
  }

  @Test
  void theOperationCountsMoreThanTheLoopThatRunsIt() {
    String loop =
        "void at::native::vectorized_elementwise_kernel<4, %s, std::array<char*, 2ul> >(int)";

    assertThat(
            of(
                loop.formatted(
                    "at::native::(anonymous namespace)::launch_clamp_scalar(at::TensorIteratorBase&)::{lambda()#1}")))
        .isEqualTo("pytorch/aten/src/ATen/native/cuda/TensorCompare.cu");
    assertThat(of(loop.formatted("my::functor<float>")))
        .isEqualTo("pytorch/aten/src/ATen/native/cuda/CUDALoops.cuh");
  }

  @Test
  void aKernelOfFlashAttention3IsTheClassThatTheGenericKernelRuns() {
    assertThat(
            of(
                "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<int> > >(int)"))
        .isEqualTo("flash-attention/hopper/flash_fwd_kernel_sm90.h");
    assertThat(
            of("void cutlass::device_kernel<theirs::Kernel<flash::FlashAttnFwdSm90<int> > >(int)"))
        .isEmpty();
  }

  @Test
  void aTritonKernelCountsOnlyWhereItsProjectIsInTheProcess() {
    assertThat(of("_apply_write_kernel")).isEmpty();

    Map<String, String> process =
        sources.process(List.of("_apply_write_kernel", RESHAPE), Map.of());

    assertThat(process).containsExactly(Map.entry("vllm", ""));
    assertThat(sources.of("_apply_write_kernel", process))
        .isEqualTo("vllm/v1/worker/gpu/buffer_utils.py");
    assertThat(sources.of("fused_moe_kernel", process))
        .isEqualTo("vllm/model_executor/layers/fused_moe/fused_moe.py");
    assertThat(sources.of("fused_moe_kernel", Map.of("sglang", "")))
        .startsWith("sglang/srt/layers/moe/");
    assertThat(sources.of("fused_moe_kernel", Map.of("sglang", "", "vllm", ""))).isEmpty();
  }

  @Test
  void argumentKindsThatOldTritonPutBehindANameAreLeftOut() {
    assertThat(sources.of("fused_moe_kernel_0d1d2d3de4de", Map.of("vllm", "")))
        .isEqualTo("vllm/model_executor/layers/fused_moe/fused_moe.py");
  }

  @Test
  void thePathIsThatOfTheVersion() {
    String kernel = "kernel_paged_attention_2d";

    assertThat(sources.of(kernel, Map.of("vllm", "0.11.0")))
        .isEqualTo("vllm/attention/ops/chunked_prefill_paged_decode.py");
    assertThat(sources.of(kernel, Map.of("vllm", "0.33.0")))
        .isEqualTo("vllm/v1/attention/ops/chunked_prefill_paged_decode.py");
    assertThat(sources.of(kernel, Map.of("vllm", "0.99.1rc2.dev7+g0123456.cu130")))
        .isEqualTo("vllm/v1/attention/ops/chunked_prefill_paged_decode.py");
    assertThat(sources.of(kernel, Map.of("vllm", "0.6.6"))).isEmpty();
    // Moved away, and back.
    assertThat(sources.of(RESHAPE, Map.of("vllm", "0.20.0")))
        .isEqualTo("vllm/csrc/cache_kernels.cu");
    assertThat(sources.of(RESHAPE, Map.of("vllm", "0.25.1")))
        .isEqualTo("vllm/csrc/libtorch_stable/cache_kernels.cu");
    assertThat(sources.of(RESHAPE, Map.of("vllm", "0.33.0")))
        .isEqualTo("vllm/csrc/cache_kernels.cu");
    // It moved somewhere between two versions that were seen.
    assertThat(sources.of(kernel, Map.of("vllm", "0.15.0"))).isEmpty();
  }

  @Test
  void aNameThatSeveralFilesDefineHasNoSource() {
    assertThat(sources.of("_topk_index_kernel", Map.of("vllm", "0.33.0"))).isEmpty();
  }

  @Test
  void theIndexSaysOfWhichVersionsItWasMade() {
    assertThat(sources.versions())
        .contains("pytorch 1.13.1 2.6.0 2.9.1")
        .contains("vllm 0.6.6 0.8.5 0.11.0 0.16.0 0.20.0 0.25.1 0.33.0")
        .contains("flash-attention ");
  }

  private String of(String kernel) {
    return sources.of(kernel, Map.of());
  }
}
