package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Listings as real models of the hub have them.
class FileSelectionTest {
  private static final List<String> SMALL =
      List.of("config.json", "generation_config.json", "tokenizer.json", "merges.txt");

  @Test
  void theWeightsAreTakenOnce() {
    assertThat(
            chosen(
                "model.safetensors",
                "pytorch_model.bin",
                "pytorch_model.bin.index.json",
                "tf_model.h5",
                "flax_model.msgpack",
                "rust_model.ot",
                "onnx/model.onnx",
                "onnx/config.json",
                "64.tflite",
                "model.fp16.safetensors",
                "model.safetensors.index.fp16.json"))
        .containsExactly("model.safetensors");
  }

  @Test
  void consolidatedAndOriginalWeightsAreDuplicates() {
    assertThat(
            chosen(
                "consolidated.safetensors",
                "original/consolidated.00.pth",
                "original/params.json",
                "metal/model.bin",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.safetensors.index.json",
                "params.json",
                "tekken.json"))
        .containsExactly(
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "params.json",
            "tekken.json");
    assertThat(chosen("consolidated.safetensors")).containsExactly("consolidated.safetensors");
  }

  @Test
  void pickleShardsComeWithTheirIndexWhereThereIsNothingElse() {
    assertThat(
            chosen(
                "pytorch_model-00001-of-00002.bin",
                "pytorch_model-00002-of-00002.bin",
                "pytorch_model.bin.index.json",
                "training_args.bin",
                "optimizer.bin"))
        .containsExactly(
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model-00002-of-00002.bin",
            "pytorch_model.bin.index.json");
  }

  @Test
  void codeTokenizersAndTemplatesComeAlong() {
    assertThat(
            chosen(
                "configuration_x.py",
                "modeling/deep.py",
                "tokenizer.model",
                "qwen.tiktoken",
                "chat_template.jinja",
                "README.md",
                "LICENSE.txt",
                ".gitattributes",
                ".cache/x.json",
                "assets/figure.png"))
        .containsExactly(
            "configuration_x.py",
            "modeling/deep.py",
            "tokenizer.model",
            "qwen.tiktoken",
            "chat_template.jinja");
  }

  @Test
  void globsAreThoseOfHuggingfaceHub() {
    List<String> paths = List.of("a.json", "d/b.json", "c1.bin", "c2.bin", "d/e/f.txt");

    assertThat(select(paths, List.of("*.json"))).containsExactly("a.json", "d/b.json");
    assertThat(select(paths, List.of("d/"))).containsExactly("d/b.json", "d/e/f.txt");
    assertThat(select(paths, List.of("c[!2].bin"))).containsExactly("c1.bin");
    assertThat(select(paths, List.of("c?.bin"))).containsExactly("c1.bin", "c2.bin");
    assertThat(select(paths, List.of("C?.bin", "a+json"))).isEmpty();
  }

  private static List<String> select(List<String> paths, List<String> include) {
    return new FileSelection(include, List.of(), true).of(paths);
  }

  /// What is chosen beside the usual small files.
  private static List<String> chosen(String... more) {
    List<String> all = Stream.concat(SMALL.stream(), Arrays.stream(more)).toList();
    List<String> chosen = FileSelection.all().of(all);
    assertThat(chosen).containsAll(SMALL);
    return chosen.stream().filter(path -> !SMALL.contains(path)).toList();
  }
}
