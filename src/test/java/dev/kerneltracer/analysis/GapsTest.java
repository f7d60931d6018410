package dev.kerneltracer.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.kerneltracer.analysis.Gaps.Cause;
import dev.kerneltracer.trace.TestTraces;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GapsTest {
  private static Gaps gaps(Trace trace) {
    return Gaps.of(trace, TraceLinks.of(trace), DeviceWork.of(trace), HostWaits.of(trace));
  }

  private static Cause only(ChromeTrace rows) {
    Gaps gaps = gaps(rows.read());
    assertThat(gaps.size()).isEqualTo(1);
    return gaps.cause(0);
  }

  @Test
  void aSleepBetweenLaunchesMakesTheHostLate() {
    ChromeTrace rows =
        new ChromeTrace()
            .operator("aten::mm", 0, 8)
            .launch(1, 5, "a", 10, 20)
            .python("<built-in function sleep>", 10, 990)
            .operator("aten::add", 995, 1008)
            .launch(1000, 1005, "b", 1010, 1020);
    Gaps gaps = gaps(rows.read());

    assertThat(gaps.size()).isEqualTo(1);
    assertThat(gaps.cause(0)).isEqualTo(Cause.HOST_LATE);
    assertThat(gaps.startNs(0)).isEqualTo(20_000);
    assertThat(gaps.durationNs(0)).isEqualTo(990_000);
    assertThat(gaps.device(0)).isEqualTo("0");
    assertThat(gaps.operatorBefore(0)).isEqualTo("aten::mm");
    assertThat(gaps.operatorAfter(0)).isEqualTo("aten::add");
    assertThat(gaps.totalNs(Cause.HOST_LATE)).isEqualTo(990_000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cudaDeviceSynchronize",
        "cudaStreamSynchronize",
        "hipEventSynchronize",
        "cuStreamSynchronize"
      })
  void aLaunchThatCameLateForASynchronisingCallIsTheCallsFault(String call) {
    assertThat(
            only(
                new ChromeTrace()
                    .launch(0, 5, "a", 10, 1000)
                    .call(call, 6, 1005)
                    .launch(1030, 1032, "b", 1035, 1040)))
        .isEqualTo(Cause.SYNC);
  }

  @Test
  void whatComesAfterAShortSynchronisationIsNotItsFault() {
    assertThat(
            only(
                new ChromeTrace()
                    .launch(0, 5, "a", 10, 100)
                    .call("cudaDeviceSynchronize", 6, 105)
                    .launch(5000, 5005, "b", 5010, 5020)))
        .isEqualTo(Cause.HOST_LATE);
  }

  @Test
  void aBlockingCopyHoldsTheHostUp() {
    assertThat(
            only(
                new ChromeTrace()
                    .launch(ChromeTrace.MAIN, "cudaMemcpy", 6, 1005)
                    .work("gpu_memcpy", "Memcpy DtoH (Device -> Pageable)", 0, 7, 10, 1000)
                    .launch(1030, 1032, "b", 1035, 1040)))
        .isEqualTo(Cause.MEMCPY);
  }

  @Test
  void anAsynchronousCopyAndAWaitInOneOperatorAreABlockingCopy() {
    assertThat(
            only(
                new ChromeTrace()
                    .operator("aten::_local_scalar_dense", 5, 1010)
                    .launch(ChromeTrace.MAIN, "cudaMemcpyAsync", 6, 9)
                    .work("gpu_memcpy", "Memcpy DtoH (Device -> Pinned)", 0, 7, 12, 1000)
                    .call("cudaStreamSynchronize", 10, 1005)
                    .launch(1030, 1032, "b", 1035, 1040)))
        .isEqualTo(Cause.MEMCPY);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "queue.py(154): get",
        "<built-in method acquire of _thread.lock object at 0x7f20>",
        "/usr/lib/python3.12/threading.py(355): wait",
        "<built-in method poll of select.epoll object at 0x7f20>",
        "zmq/sugar/socket.py(980): recv_multipart",
        "multiprocessing/connection.py(1136): wait",
        "<built-in method get of _queue.SimpleQueue object at 0x7f20>",
        "<built-in function select>"
      })
  void aHostThatWaitsForRequestsHasNoWork(String function) {
    assertThat(
            only(
                new ChromeTrace()
                    .launch(0, 5, "a", 10, 20)
                    .python(function, 15, 980)
                    .launch(1000, 1005, "b", 1010, 1020)))
        .isEqualTo(Cause.NO_WORK);
  }

  @Test
  void gettingFromADictionaryIsNoWait() {
    assertThat(
            only(
                new ChromeTrace()
                    .launch(0, 5, "a", 10, 20)
                    .python("<built-in method get of dict object at 0x7f20>", 15, 980)
                    .launch(1000, 1005, "b", 1010, 1020)))
        .isEqualTo(Cause.HOST_LATE);
  }

  @Test
  void workThatStoodInTheQueueWaitedThere() {
    assertThat(only(new ChromeTrace().launch(0, 5, "a", 10, 100).launch(6, 9, "b", 103, 120)))
        .isEqualTo(Cause.LAUNCH_QUEUE);
  }

  @Test
  void gapsWithinAGraphReplayAreTheQueues() {
    Gaps gaps =
        gaps(
            new ChromeTrace()
                .launch(ChromeTrace.MAIN, "cudaGraphLaunch", 0, 8)
                .work("kernel", "a", 0, 7, 10, 20)
                .work("kernel", "b", 0, 7, 22, 30)
                .work("kernel", "c", 0, 7, 31, 40)
                .read());

    assertThat(gaps.size()).isEqualTo(2);
    assertThat(gaps.totalNs(Cause.LAUNCH_QUEUE)).isEqualTo(3_000);
    assertThat(gaps.operatorAfter(1)).isEqualTo("c");
  }

  @Test
  void streamsThatOverlapLeaveNoGapAndDevicesHaveTheirOwn() {
    Gaps gaps =
        gaps(
            new ChromeTrace()
                .launch(0, 1, "a", 10, 50)
                .launch(ChromeTrace.MAIN, "cudaLaunchKernel", 2, 3)
                .work("kernel", "b", 0, 8, 20, 90)
                .launch(4, 5, "c", 80, 100)
                .launch(ChromeTrace.MAIN, "cudaLaunchKernel", 6, 7)
                .work("kernel", "d", 1, 7, 200, 210)
                .read());

    assertThat(gaps.size()).isZero();
  }

  @Test
  void workWithoutALaunchLeavesTheCauseUnknown() {
    assertThat(
            only(
                new ChromeTrace()
                    .work("kernel", "a", 0, 7, 10, 20)
                    .work("kernel", "b", 0, 7, 30, 40)))
        .isEqualTo(Cause.UNKNOWN);
  }

  @Test
  void aKernelWithoutAUsableTimeMakesNoGap() {
    Trace trace =
        new ChromeTrace()
            .launch(0, 5, "timeless", 7, 8)
            .launch(10, 15, "a", 20, 30)
            .launch(16, 18, "negative", 40, 35)
            .launch(19, 21, "b", 50, 60)
            .read(text -> text.replace("\"ts\":7,", "\"ts\":NaN,"));

    assertThat(trace.trust().unusableTimes()).isEqualTo(1);
    assertThat(trace.trust().negativeDurations()).isEqualTo(1);
    Gaps gaps = gaps(trace);
    assertThat(gaps.size()).isEqualTo(2);
    assertThat(gaps.startNs(0)).isEqualTo(30_000);
    assertThat(gaps.startNs(1)).isEqualTo(40_000);
    assertThat(gaps.durationNs(1)).isEqualTo(10_000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuda_graph_replay",
        "hf_llama_eager_generate",
        "hf_llama_eager_stack",
        "tp_rank0",
        "tp_rank1"
      })
  void gapsAndWorkFillTheTimeOfARealTraceAndCausesAreKnown(String name) {
    assertGaps(TestTraces.trace(name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"vllm_qwen3_serve_graphs", "qwen2_28l_generate_stack"})
  void gapsAndWorkFillTheTimeOfALargeTraceAndCausesAreKnown(String name) {
    Path file = TestTraces.shared().resolve(name + ".pt.trace.json.gz");
    assumeTrue(Files.exists(file), "the shared traces are not beside the repository: " + file);
    assertGaps(file);
  }

  private static void assertGaps(Path file) {
    Trace trace = TraceReader.read(file);
    DeviceWork work = DeviceWork.of(trace);
    Gaps gaps = Gaps.of(trace, TraceLinks.of(trace), work, HostWaits.of(trace));
    long first = Long.MAX_VALUE;
    long last = Long.MIN_VALUE;
    for (int i = 0; i < work.size(); i++) {
      first = Math.min(first, trace.events().startNs(work.row(i)));
      last = Math.max(last, trace.events().endNs(work.row(i)));
    }
    long idle = 0;
    for (int gap = 0; gap < gaps.size(); gap++) {
      idle += gaps.durationNs(gap);
    }

    assertThat(work.deviceCount()).isEqualTo(1);
    assertThat(idle + work.busy(0).totalNs()).isEqualTo(last - first);
    assertThat(gaps.totalNs(Cause.UNKNOWN)).isLessThanOrEqualTo(idle / 10);
  }
}
