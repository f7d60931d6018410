package dev.kerneltracer.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelListTest {
  private static final List<String> CACHED =
      List.of("Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B-GGUF", "meta-llama/Llama-3.2-1B", "gpt2");

  @TempDir Path directory;

  @Test
  void commentsAndBlankLinesAreNoModels() throws IOException {
    Path file = directory.resolve("models.txt");
    Files.writeString(
        file, "# all of them\r\n\r\n  Qwen/Qwen3-0.6B  # small\ntype:llama\n\t\n#gpt2\ngpt2");

    assertThat(ModelList.read(file)).containsExactly("Qwen/Qwen3-0.6B", "type:llama", "gpt2");
  }

  @Test
  void aLineOfTwoWordsOrBytesThatAreNoTextAreRefused() throws IOException {
    Path file = directory.resolve("models.txt");
    Files.writeString(file, "Qwen/Qwen3-0.6B gpt2\n");
    assertThatThrownBy(() -> ModelList.read(file)).hasMessageContaining("is no model name");

    Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    assertThatThrownBy(() -> ModelList.read(file)).hasMessageContaining("no text in UTF-8");

    assertThatThrownBy(() -> ModelList.read(directory.resolve("none")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("cannot read");
  }

  @Test
  void eachModelIsThereOnceInTheOrderGiven() {
    assertThat(choose(List.of("gpt2", "type:llama", "gpt2", "b/c"), List.of()))
        .containsExactly("gpt2", "type:llama", "b/c");
  }

  @Test
  void globsStandForWhatTheCacheHas() {
    assertThat(choose(List.of("gpt2", "Qwen/*"), List.of()))
        .containsExactly("gpt2", "Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B-GGUF");
    assertThat(choose(List.of("*-[0-9].[0-9]-?B"), List.of()))
        .containsExactly("meta-llama/Llama-3.2-1B");
    assertThatThrownBy(() -> choose(List.of("mistral*"), List.of()))
        .hasMessageContaining("matches no model");
  }

  @Test
  void skipsAreExactNamesOrGlobs() {
    assertThat(choose(CACHED, List.of("gpt2", "*-GGUF", "meta-llama/[!Q]*")))
        .containsExactly("Qwen/Qwen3-0.6B");
    assertThat(choose(List.of("Qwen/Qwen3-0x6B"), List.of("Qwen/Qwen3-0.6B")))
        .as("a dot is a dot")
        .hasSize(1);
    assertThat(choose(List.of("type:llama", "type:qwen3"), List.of("type:q*")))
        .containsExactly("type:llama");
  }

  private static List<String> choose(List<String> names, List<String> skipped) {
    return ModelList.choose(names, skipped, () -> CACHED);
  }
}
