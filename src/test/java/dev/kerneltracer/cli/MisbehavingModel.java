package dev.kerneltracer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A model directory whose own code (`misbehaving_model.py`) goes wrong in its forward pass, loaded
/// by Transformers as any remote code.
public final class MisbehavingModel {
  private MisbehavingModel() {}

  /// Writes the model's directory below `parent`.
  ///
  /// @param misbehaviour `raise, segfault, kill, exit, deaf_tree, eat_memory, allocate_too_much,
  ///   patch_torch, leak_memory, break_graphs, kill_once`
  public static Path write(Path parent, String misbehaviour) throws IOException {
    Path directory = Files.createDirectories(parent.resolve("misbehaving-" + misbehaviour));
    Path source =
        Path.of(
            System.getProperty("kerneltracer.root", "."), "src/test/python/misbehaving_model.py");
    Files.copy(source, directory.resolve("misbehaving_model.py"));
    Files.writeString(
        directory.resolve("config.json"),
        """
        {
          "model_type": "misbehaving",
          "auto_map": {
            "AutoConfig": "misbehaving_model.MisbehavingConfig",
            "AutoModelForCausalLM": "misbehaving_model.MisbehavingForCausalLM"
          },
          "misbehaviour": "%s",
          "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
          "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 128
        }
        """
            .formatted(misbehaviour));
    return directory;
  }
}
