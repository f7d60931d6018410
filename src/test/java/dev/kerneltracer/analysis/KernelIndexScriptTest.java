package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `scripts/index-kernel-sources` finds in sources made for it.
class KernelIndexScriptTest {
  @TempDir private Path directory;

  @Test
  void kernelsAreFoundByNamespaceMacroAndVersion() throws Exception {
    write(
        "old/csrc/norm.cu",
        """
        #define NS_NAME vllm
        #define DEFINE_KERNEL(name, ...) \\
          template <__VA_ARGS__> \\
          __global__ void name(int n)
        namespace NS_NAME { namespace {
        // __global__ void in_a_comment() {}
        __global__ void declared_only(int);
        #ifdef USE_ROCM
        template <typename T, int N> __global__ void __launch_bounds__(256, 2) norm(T* x) {
        #else
        template <typename T, int N> __global__ typename enable<(N > 0), void>::type norm(T* x) {
        #endif
          if (x) { f<<<1, 2>>>(); }
        }
        DEFINE_KERNEL(made_by_macro, int A, bool B) { }
        } }
        extern "C" { __global__ C10_LAUNCH_BOUNDS_1(64) void plain(const char* s = "}") { } }
        """);
    write(
        "old/vllm/ops.py",
        """
        @triton.autotune(configs=[])
        @triton.jit
        def first_kernel(x, BLOCK: tl.constexpr):
            pass

        def no_kernel():
            @triton.jit(do_not_specialize=["n"])
            def inner_kernel(n):
                pass
        """);
    write("old/tests/test.cu", "__global__ void in_a_test() {}\n");
    Files.createDirectories(directory.resolve("new/vllm"));
    Files.copy(directory.resolve("old/vllm/ops.py"), directory.resolve("new/vllm/ops.py"));
    write("back/csrc/norm.cu", "__global__ void plain(int n) { }\n");

    assertThat(index("vllm:0.10.0:new", "vllm:0.9.2:old", "vllm:0.11.0:back"))
        .containsExactly(
            "# vllm 0.9.2 0.10.0 0.11.0",
            "first_kernel\tvllm\t0.9.2\t0.10.0\tkernel\tvllm/ops.py",
            "inner_kernel\tvllm\t0.9.2\t0.10.0\tkernel\tvllm/ops.py",
            "plain\tvllm\t0.11.0\t0.11.0\tkernel\tvllm/csrc/norm.cu",
            "plain\tvllm\t0.9.2\t0.9.2\tkernel\tvllm/csrc/norm.cu",
            "vllm::made_by_macro\tvllm\t0.9.2\t0.9.2\tkernel\tvllm/csrc/norm.cu",
            "vllm::norm\tvllm\t0.9.2\t0.9.2\tkernel\tvllm/csrc/norm.cu");
  }

  @Test
  void operationsOfAtenAndClassesOfKernelsAreFound() throws Exception {
    write(
        "torch/aten/src/ATen/native/cuda/Clamp.cu",
        """
        namespace at::native {
        namespace {
        template <typename T> struct ClampFunctor { T operator()(T x) const { return x; } };
        void launch_clamp(TensorIteratorBase& iter) { gpu_kernel(iter, ClampFunctor<float>{}); }
        }
        }
        """);
    write(
        "flash/hopper/fwd.h",
        """
        namespace flash {
        template <class A, class B = Default<(1 > 0)>> class FlashFwdSm90 : public Base<A> {
         public:
          __device__ void operator()(int n) { }
        };
        }
        """);

    assertThat(index("pytorch:2.9.1:torch", "flash-attention:2.8.3:flash"))
        .containsExactly(
            "# flash-attention 2.8.3; pytorch 2.9.1",
            "at::native::ClampFunctor\tpytorch\t2.9.1\t2.9.1\toperation\tpytorch/aten/src/ATen/native/cuda/Clamp.cu",
            "at::native::launch_clamp\tpytorch\t2.9.1\t2.9.1\toperation\tpytorch/aten/src/ATen/native/cuda/Clamp.cu",
            "flash::FlashFwdSm90\tflash-attention\t2.8.3\t2.8.3\tkernelclass\tflash-attention/hopper/fwd.h");
  }

  private void write(String file, String text) throws IOException {
    Path path = directory.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private List<String> index(String... sources) throws Exception {
    Path script = Path.of("scripts", "index-kernel-sources").toAbsolutePath();
    ProcessBuilder command = new ProcessBuilder("python3", "-B", script.toString());
    command.command().addAll(List.of(sources));
    Process process;
    try {
      process =
          command
              .directory(directory.toFile())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
    } catch (IOException e) {
      assumeTrue(false, "no python3 on PATH: " + e.getMessage());
      throw e;
    }
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
    return text.lines().toList();
  }
}
