package dev.kerneltracer.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kerneltracer.serve.ServerFault.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Lines as vLLM 0.11 to 0.29 write them.
class ServerLogTest {
  private static final String CORE = "(EngineCore pid=9675) ";

  @TempDir Path directory;

  @Test
  void progressIsReadWhileItIsWritten() throws Exception {
    Path file = directory.resolve("vllm_server.log");
    ServerLog log = new ServerLog(file);
    log.read();
    assertThat(log.stage()).isEqualTo("starting");

    Files.writeString(
        file,
        CORE
            + "INFO 11-25 14:34:50 [gpu_model_runner.py:131] Starting to load model /m...\n"
            + "Loading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]\r"
            + "Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:02<00:00, 1.5it/s]\r");
    log.read();
    assertThat(log.stage()).isEqualTo("loading weights 3/4");

    Files.writeString(
        file,
        CORE
            + "INFO 11-25 14:34:50 [kv_cache_utils.py:2032] GPU KV cache size: 5,242,880 tokens\n"
            + "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  45%|####  | 30/6",
        StandardOpenOption.APPEND);
    log.read();
    assertThat(log.stage()).isEqualTo("KV cache of 5,242,880 tokens, warming up");

    Files.writeString(file, "7 [00:01<00:01, 20.12it/s]\r", StandardOpenOption.APPEND);
    log.read();
    assertThat(log.stage()).isEqualTo("capturing CUDA graphs 30/67");
    assertThat(log.fault()).isNull();
  }

  @Test
  void aTakenPortIsKnown() {
    assertFault("OSError: [Errno 98] Address already in use", Kind.PORT_TAKEN);
    assertFault(
        "(APIServer pid=1) ERROR:    [Errno 98] error while attempting to bind on address"
            + " ('127.0.0.1', 8000): address already in use",
        Kind.PORT_TAKEN);
  }

  @Test
  void memoryThatIsShortComesWithTheAdviceOfVllm() {
    assertThat(
            assertFault(
                CORE
                    + "ERROR 11-25 14:34:50 [core.py:708] ValueError: To serve at least one request"
                    + " with the models's max seq len (131072), (16.00 GiB KV cache is needed, which is"
                    + " larger than the available KV cache memory (9.23 GiB). Based on the available"
                    + " memory, the estimated maximum model length is 75536. Try increasing"
                    + " `gpu_memory_utilization` or decreasing `max_model_len`",
                Kind.OUT_OF_MEMORY))
        .startsWith("ValueError: To serve")
        .contains("estimated maximum model length is 75536");
    assertFault(
        CORE
            + "ERROR 11-25 14:34:50 [core.py:708] ValueError: Free memory on device (10.0/79.1 GiB) on"
            + " startup is less than desired GPU memory utilization (0.9, 71.2 GiB).",
        Kind.OUT_OF_MEMORY);
    assertFault(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        Kind.OUT_OF_MEMORY);
  }

  @Test
  void anArgumentAndAModelThatAreNotKnownAreTold() {
    assertThat(
            assertFault(
                "api_server.py: error: unrecognized arguments: --max-num-sequences 4",
                Kind.UNKNOWN_ARGUMENT))
        .isEqualTo("unrecognized arguments: --max-num-sequences 4");
    assertFault(
        "(APIServer pid=7) ValueError: Model architectures ['FooForCausalLM'] are not supported for"
            + " now. Supported architectures: dict_keys(['ApertusForCausalLM'])",
        Kind.UNSUPPORTED_MODEL);
  }

  @Test
  void ofAnEngineThatDiedTheFirstExceptionIsTheCause() {
    ServerLog log = new ServerLog(directory.resolve("none"));
    for (String line :
        """
        (EngineCore pid=9) ERROR 11-25 14:34:50 [core.py:708] EngineCore encountered a fatal error.
        (EngineCore pid=9) ERROR 11-25 14:34:50 [core.py:708] Traceback (most recent call last):
        (EngineCore pid=9) ERROR 11-25 14:34:50 [core.py:708]   File "/x/core.py", line 699, in run
        (EngineCore pid=9) ERROR 11-25 14:34:50 [core.py:708] RuntimeError: CUDA error: an illegal memory access
        (APIServer pid=1) ERROR 11-25 14:34:51 [async_llm.py:480] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.
        """
            .lines()
            .toList()) {
      log.line(line);
    }

    ServerFault fault = Objects.requireNonNull(log.fault());
    assertThat(fault.kind()).isEqualTo(Kind.ENGINE_DIED);
    assertThat(fault.text()).isEqualTo("RuntimeError: CUDA error: an illegal memory access");
  }

  @Test
  void whatIsOnlyMentionedIsNoFault() {
    for (String line :
        new String[] {
          "INFO 11-25 14:34:41 [importing.py:98] EngineDeadError is what a dead engine raises",
          "(APIServer pid=1) WARNING 11-25 14:35:06 [base.py:268] ValueError: Tokenizer not available"
        }) {
      ServerLog log = new ServerLog(directory.resolve("none"));
      log.line(line);
      assertThat(ServerFault.of(line)).isNull();
    }
  }

  private String assertFault(String line, Kind kind) {
    ServerLog log = new ServerLog(directory.resolve("none"));
    log.line(line);
    // What follows does not hide it.
    log.line("RuntimeError: Engine core initialization failed. See root cause above.");
    ServerFault fault = Objects.requireNonNull(log.fault());
    assertThat(fault.kind()).isEqualTo(kind);
    return fault.text();
  }
}
