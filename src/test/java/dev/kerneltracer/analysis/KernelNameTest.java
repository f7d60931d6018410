package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KernelNameTest {
  @Test
  void returnTypeParametersAndAnonymousNamespacesAreLeftOut() {
    assertName(
        "void at::native::(anonymous namespace)::cat<at::(anonymous namespace)::T<2u>, 4>(T<2u>*)",
        "at::native::cat",
        "at::native::cat<at::T<2u>, 4>");
    assertName(
        "at::cuda::(anonymous namespace)::spin_kernel(long)",
        "at::cuda::spin_kernel",
        "at::cuda::spin_kernel");
    assertName("_gumbel_sample_kernel", "_gumbel_sample_kernel", "_gumbel_sample_kernel");
    assertName("void f<int>(int) [clone .kd]", "f", "f<int>");
    assertName("nvjet_sm90.kd", "nvjet_sm90", "nvjet_sm90");
    assertName("Memset (Device)", "Memset (Device)", "Memset (Device)");
  }

  @Test
  void comparisonsInReturnTypesOpenAndCloseNothing() {
    assertName(
        "std::enable_if<(((8)>(0)))&&vllm::has<c10::BFloat16>::value, void>::type vllm::norm<c10::BFloat16, 8>(int)",
        "vllm::norm",
        "vllm::norm<c10::BFloat16, 8>");
    assertName(
        "std::enable_if<((2)<(4)), void>::type vllm::norm<4>(int)", "vllm::norm", "vllm::norm<4>");
    assertName(
        "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, f(a<b>)>(int)",
        "internal::gemvx::kernel",
        "internal::gemvx::kernel<int, f(a<b>)>");
  }

  @Test
  void theNamesInTheArgumentsComeInOrder() {
    assertThat(
            KernelName.parse(
                    "void k<4, a::(anonymous namespace)::g<float>(b::C&)::{lambda()#1}>(x::Y)")
                .argumentNames())
        .containsExactly("a::g", "float", "b::C", "::", "lambda");
  }

  private static void assertName(String kernel, String function, String text) {
    KernelName name = KernelName.parse(kernel);
    assertThat(name.function()).isEqualTo(function);
    assertThat(name.text()).isEqualTo(text);
  }
}
