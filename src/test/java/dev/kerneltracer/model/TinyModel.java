package dev.kerneltracer.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// The files of a small model with real safetensors in two shards, and those of a repository that
/// are not wanted.
public final class TinyModel {
  public static final String FIRST = "model-00001-of-00002.safetensors";
  public static final String SECOND = "model-00002-of-00002.safetensors";

  private TinyModel() {}

  /// All of them.
  ///
  /// @param shardBytes about the size of each shard
  public static Map<String, byte[]> files(int shardBytes) {
    return files(shardBytes, 0);
  }

  public static Map<String, byte[]> files(int shardBytes, long seed) {
    Map<String, byte[]> files = new TreeMap<>();
    files.put("config.json", text("{\"model_type\": \"llama\", \"seed\": " + seed + "}"));
    files.put("tokenizer.json", text("{\"version\": \"1.0\"}"));
    files.put("tokenizer_config.json", text("{}"));
    files.put("custom/modeling_tiny.py", text("x = 1\n"));
    files.put("custom/__init__.py", new byte[0]);
    files.put(FIRST, safetensors(shardBytes, seed, "a", "b"));
    files.put(SECOND, safetensors(shardBytes, seed + 1, "c"));
    files.put(
        "model.safetensors.index.json",
        text(
            "{\"metadata\": {}, \"weight_map\": {\"a\": \"%s\", \"b\": \"%s\", \"c\": \"%s\"}}"
                .formatted(FIRST, FIRST, SECOND)));
    files.put("README.md", text("# tiny"));
    files.put(".gitattributes", text("* text"));
    files.put("pytorch_model.bin", new byte[1000]);
    files.put("onnx/model.onnx", new byte[1000]);
    files.put("tiny.Q4_K_M.gguf", new byte[1000]);
    return files;
  }

  /// A whole file with tensors of random floats of about `bytes` in all.
  public static byte[] safetensors(int bytes, long seed, String... tensors) {
    int floats = Math.max(1, bytes / 4 / tensors.length);
    StringBuilder header = new StringBuilder("{\"__metadata__\": {\"format\": \"pt\"}");
    int at = 0;
    for (String tensor : tensors) {
      header.append(
          ", \"%s\": {\"dtype\": \"F32\", \"shape\": [%d], \"data_offsets\": [%d, %d]}"
              .formatted(tensor, floats, at, at + floats * 4));
      at += floats * 4;
    }
    byte[] json = text(header + "}");
    ByteBuffer file = ByteBuffer.allocate(8 + json.length + at).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(json.length).put(json);
    byte[] data = new byte[at];
    new Random(seed).nextBytes(data);
    return file.put(data).array();
  }

  public static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  public static Map<String, byte[]> with(Map<String, byte[]> files, String path, byte[] content) {
    Map<String, byte[]> more = new LinkedHashMap<>(files);
    more.put(path, content);
    return more;
  }
}
