package dev.kerneltracer.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/// What operators compute and move, by hand for Llama 3.1 8B and Mixtral 8x7B, against the limits
/// of an H100.
class RooflineTest {
  private static final String LLAMA_8B =
      """
      {"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
       "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256}
      """;
  private static final String MIXTRAL =
      """
      {"model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096,
       "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
       "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}
      """;

  private static ModelShape shape(String json) {
    return Objects.requireNonNull(ModelShape.of(new JsonMapper().readTree(json)));
  }

  private static DeviceLimits h100() {
    return Objects.requireNonNull(DeviceLimits.known("NVIDIA H100 80GB HBM3"));
  }

  @Test
  void productsMoveTheirWeightsOnce() {
    Map<OpType, OperatorWork> work =
        OperatorWork.of(shape(LLAMA_8B), SweepPhase.DECODE, 1, 32, 2, 1);
    double weights =
        List.of(OpType.KQV_PROJ, OpType.O_PROJ, OpType.GATED_UP_PROJ, OpType.DOWN_PROJ).stream()
            .mapToDouble(type -> Objects.requireNonNull(work.get(type)).flops() / 2)
            .sum();
    // 8.03 B parameters less embedding, head (525 M each) and norms.
    assertThat(weights).isEqualTo(32.0 * (4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14336));
    assertThat(weights / 1e9).isCloseTo(6.98, within(0.01));
    OperatorWork output = Objects.requireNonNull(work.get(OpType.O_PROJ));
    assertThat(output.bytes()).isEqualTo(32.0 * 2 * (4096 * 4096 + 4096 + 4096));
  }

  @Test
  void attentionOfADecodeReadsTheCache() {
    OperatorWork attention =
        Objects.requireNonNull(
            OperatorWork.of(shape(LLAMA_8B), SweepPhase.DECODE, 4, 1000, 2, 1)
                .get(OpType.PAGED_ATTENTION));
    // 128 KiB of keys and values for a token of a sequence.
    assertThat(attention.bytes()).isCloseTo(4 * 1000 * 131072.0, within(32 * 4 * 4 * 4096.0));
    assertThat(attention.flops()).isEqualTo(32 * 4.0 * 4096 * 4 * 1000);
  }

  @Test
  void attentionOfAPrefillIsCausal() {
    OperatorWork attention =
        Objects.requireNonNull(
            OperatorWork.of(shape(LLAMA_8B), SweepPhase.PREFILL, 2, 100, 2, 1)
                .get(OpType.PAGED_ATTENTION));
    assertThat(attention.flops()).isEqualTo(32 * 4.0 * 4096 * 2 * 5050);
  }

  @Test
  void expertsMoveTheWeightsOfThoseThatAreHit() {
    ModelShape mixtral = shape(MIXTRAL);
    double one = experts(mixtral, 1).bytes();
    double many = experts(mixtral, 256).bytes();
    double expert = 32.0 * 2 * 3 * 4096 * 14336;
    assertThat(one / expert).isCloseTo(2, within(0.001));
    assertThat(many / expert).isBetween(8.0, 8.5);
    assertThat(OperatorWork.of(mixtral, SweepPhase.DECODE, 1, 1, 2, 1))
        .doesNotContainKeys(OpType.GATED_UP_PROJ, OpType.DOWN_PROJ);
  }

  private static OperatorWork experts(ModelShape model, int batch) {
    return Objects.requireNonNull(
        OperatorWork.of(model, SweepPhase.DECODE, batch, 1, 2, 1).get(OpType.EXPERTS));
  }

  @Test
  void productsTurnComputeBoundAtTheRidgeAndAttentionOfADecodeNever() {
    Roofline roofline =
        Roofline.of(
            shape(LLAMA_8B),
            SweepPhase.DECODE,
            List.of(measured(1), measured(256), measured(1024)),
            2,
            1,
            h100());
    // 989 TFLOP/s over 3.35 TB/s; a large product has about as many operations a byte as tokens.
    assertThat(h100().ridge()).isCloseTo(295.2, within(0.1));
    assertThat(roofline.turns().get(OpType.GATED_UP_PROJ)).isBetween(295, 330);
    assertThat(roofline.turns()).doesNotContainKey(OpType.PAGED_ATTENTION);
    assertThat(roofline.firstMeasured(OpType.GATED_UP_PROJ)).hasValue(1024);
    assertThat(roofline.firstMeasured(OpType.PAGED_ATTENTION)).isEmpty();
    int turn = Objects.requireNonNull(roofline.turns().get(OpType.O_PROJ));
    assertThat(intensity(OpType.O_PROJ, turn - 1)).isLessThan(h100().ridge());
    assertThat(intensity(OpType.O_PROJ, turn)).isGreaterThanOrEqualTo(h100().ridge());
  }

  private static Roofline.Measured measured(int batch) {
    return new Roofline.Measured(
        batch, 500, Map.of(OpType.GATED_UP_PROJ, 5_000_000L, OpType.PAGED_ATTENTION, 1_000_000L));
  }

  private static double intensity(OpType type, int batch) {
    return Objects.requireNonNull(
            OperatorWork.of(shape(LLAMA_8B), SweepPhase.DECODE, batch, 500, 2, 1).get(type))
        .intensity();
  }

  @Test
  void whatIsMeasuredIsHeldAgainstTheLeastTimeThatTheLimitsAllow() {
    Roofline.Row row =
        Roofline.of(shape(LLAMA_8B), SweepPhase.DECODE, List.of(measured(1)), 2, 1, h100())
            .rows()
            .stream()
            .filter(each -> each.type() == OpType.GATED_UP_PROJ)
            .findFirst()
            .orElseThrow();
    // 7.5 GB at 3,350 GB/s take 2.24 ms of 5.
    assertThat(row.shareOfLimit()).isCloseTo(0.449, within(0.002));
    assertThat(row.bandwidthGbS()).isCloseTo(0.449 * 3350, within(7.0));
    assertThat(row.bound()).isEqualTo(Roofline.Bound.MEMORY);
  }

  @Test
  void withoutLimitsNothingIsSaidOfThem(@TempDir Path directory) throws IOException {
    Roofline roofline =
        Roofline.of(shape(LLAMA_8B), SweepPhase.DECODE, List.of(measured(1)), 2, 1, null);
    roofline.write(directory);
    List<String> lines = Files.readAllLines(directory.resolve("roofline.csv"));
    assertThat(lines.getFirst()).isEqualTo(String.join(",", Roofline.COLUMNS));
    assertThat(lines).hasSize(3).element(1).asString().endsWith(",,");
    assertThat(directory.resolve("turning_points.csv")).doesNotExist();
  }

  @Test
  void turningPointsAreWritten(@TempDir Path directory) throws IOException {
    Roofline.of(
            shape(LLAMA_8B), SweepPhase.DECODE, List.of(measured(1), measured(1024)), 2, 1, h100())
        .write(directory);
    assertThat(Files.readAllLines(directory.resolve("turning_points.csv")))
        .element(1)
        .isEqualTo("paged_attention,,");
  }

  @Test
  void devicesAreKnownByTheirWords() {
    assertThat(h100().bandwidthGbS()).isEqualTo(3350);
    assertThat(DeviceLimits.known("NVIDIA H100 PCIe")).extracting("bandwidthGbS").isEqualTo(2000.0);
    assertThat(DeviceLimits.known("NVIDIA A100-SXM4-40GB"))
        .extracting("bandwidthGbS")
        .isEqualTo(1555.0);
    assertThat(DeviceLimits.known("NVIDIA A100-SXM4-80GB"))
        .extracting("bandwidthGbS")
        .isEqualTo(2039.0);
    assertThat(DeviceLimits.known("NVIDIA L40")).isNull();
    assertThat(DeviceLimits.known("NVIDIA GH200 480GB")).isNull();
    assertThat(DeviceLimits.table()).allSatisfy(row -> assertThat(row).hasSize(4));
  }

  @Test
  void shapesThatAreNotToldAreNotGuessed() {
    JsonMapper json = new JsonMapper();
    assertThat(ModelShape.of(json.readTree("{\"n_embd\": 768}"))).isNull();
    ModelShape latent =
        shape(LLAMA_8B.replace("\"llama\"", "\"deepseek_v3\", \"kv_lora_rank\": 512"));
    assertThat(latent.fullAttention()).isFalse();
    assertThat(OperatorWork.of(latent, SweepPhase.DECODE, 1, 10, 2, 1))
        .doesNotContainKey(OpType.PAGED_ATTENTION);
  }
}
