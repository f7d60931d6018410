package dev.kerneltracer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelReferenceTest {
  @TempDir Path directory;

  @Test
  void aHubNameIsTheSnapshotThatItsMainRefNames() throws IOException {
    Path model = directory.resolve("models--org--name");
    Path old = snapshot(model, "0000aaaa");
    Path current = snapshot(model, "ffffbbbb");
    Files.createDirectories(model.resolve("refs"));
    Files.writeString(model.resolve("refs/main"), "ffffbbbb");

    ModelReference found = parse("org/name");

    assertThat(found).isEqualTo(new ModelReference.Hub("org/name", current)).isNotEqualTo(old);
    assertThat(found.resultPath()).isEqualTo(Path.of("org/name"));
  }

  @Test
  void anOldNameWithoutAnOrganisationHasAPlaceToo() throws IOException {
    snapshot(directory.resolve("models--gpt2"), "1234");

    assertThat(parse("gpt2").resultPath()).isEqualTo(Path.of("huggingface/gpt2"));
  }

  @Test
  void aModelOfWhichOnlyTheFolderIsThereIsTold() throws IOException {
    Files.createDirectories(directory.resolve("models--org--name/snapshots/1234"));

    assertThatThrownBy(() -> parse("org/name"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("without its config.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../name", "org/../name", "/absolute", "a/b/c", "", "org/na me", "type:"})
  void whatIsNoNameIsRefusedBeforeItBecomesAPath(String text) {
    assertThatThrownBy(() -> parse(text)).isInstanceOf(UserException.class);
  }

  @Test
  void theCacheIsWhereTheEnvironmentSaysIt() {
    assertThat(HubCache.of(Map.of("HF_HUB_CACHE", "/a", "HF_HOME", "/b")).root())
        .isEqualTo(Path.of("/a"));
    assertThat(HubCache.of(Map.of("HF_HOME", "/b")).root()).isEqualTo(Path.of("/b/hub"));
    assertThat(HubCache.of(Map.of("XDG_CACHE_HOME", "/c")).root())
        .isEqualTo(Path.of("/c/huggingface/hub"));
  }

  @Test
  void missingShardsAreThoseThatTheIndexNames() throws IOException {
    Files.writeString(
        directory.resolve("model.safetensors.index.json"),
        """
        {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors",
                        "c": "model-2.safetensors", "d": "model-3.safetensors"}}
        """);
    Files.writeString(directory.resolve("model-2.safetensors"), "");

    assertThat(ModelFiles.missingWeights(directory))
        .containsExactly("model-1.safetensors", "model-3.safetensors");
  }

  @Test
  void aShardThatIsShorterThanItsHeaderSaysIsDamaged() throws IOException {
    Path file = directory.resolve("model.safetensors");
    byte[] whole = TinyModel.safetensors(1000, 1, "a");
    Files.write(file, whole);
    assertThat(ModelFiles.damagedWeights(directory)).isEmpty();

    Files.write(file, Arrays.copyOf(whole, whole.length - 7));

    assertThat(ModelFiles.missingWeights(directory)).isEmpty();
    assertThat(ModelFiles.damagedWeights(directory))
        .containsExactly("model.safetensors is cut short: 7 bytes of its tensors are missing");
  }

  @Test
  void aConfigurationThatIsNoObjectIsRefused() throws IOException {
    Files.writeString(directory.resolve("config.json"), "[1]");

    assertThatThrownBy(() -> ModelFiles.configuration(directory))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is not a JSON object");
  }

  private ModelReference parse(String text) {
    return ModelReference.parse(text, Map.of("HF_HUB_CACHE", directory.toString()));
  }

  private static Path snapshot(Path model, String revision) throws IOException {
    Path snapshot = Files.createDirectories(model.resolve("snapshots").resolve(revision));
    Files.writeString(snapshot.resolve("config.json"), "{}");
    return snapshot;
  }
}
