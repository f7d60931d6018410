package dev.kerneltracer.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// Which of a model's files are fetched. Without `--include` those that running it takes:
/// configuration, tokenizer, the model's own Python code and its weights once: safetensors, else
/// pickles; no other format of the same weights.
///
/// @param include globs that replace the choice; empty for the choice
/// @param exclude globs of what is left out of it
/// @param weights also the weights
public record FileSelection(List<String> include, List<String> exclude, boolean weights) {
  /// What is taken beside weights.
  private static final List<String> SMALL =
      List.of(
          "*.json",
          "*.jsonl",
          "*.txt",
          "*.model",
          "*.tiktoken",
          "*.jinja",
          "*.py",
          "*.bpe",
          "*.spm",
          "*.vocab",
          "*.yaml",
          "*.yml");

  /// Indexes of weights that are not taken, and what training leaves.
  private static final List<String> NEVER =
      List.of(
          "*.msgpack.index.json",
          "*.h5.index.json",
          "*.onnx.json",
          "trainer_state.json",
          "README*",
          "*/README*",
          "requirements*.txt",
          "LICENSE*");

  /// Folders of the same weights in another format.
  private static final Set<String> OTHER_FORMATS =
      Set.of(
          "onnx", "openvino", "gguf", "tf", "flax", "coreml", "original", "metal", "mlx", "runs");

  private static final Pattern VARIANT =
      Pattern.compile("(.+)\\.(fp16|bf16|fp32|int8|non_ema)(-\\d+-of-\\d+)?\\.(safetensors|bin)");
  private static final Pattern VARIANT_INDEX =
      Pattern.compile(".+\\.index\\.(fp16|bf16|fp32|int8|non_ema)\\.json");
  private static final Pattern NO_MODEL =
      Pattern.compile(
          "(training_args|optimizer|scheduler|scaler|rng_state.*|random_states.*)\\.bin");

  /// What running a model takes.
  public static FileSelection all() {
    return new FileSelection(List.of(), List.of(), true);
  }

  /// What building it with random weights takes.
  public static FileSelection withoutWeights() {
    return new FileSelection(List.of(), List.of(), false);
  }

  /// The chosen ones of all paths, in their order.
  List<String> of(List<String> paths) {
    Set<String> taken = include.isEmpty() ? Set.copyOf(chosen(paths)) : Set.of();
    return paths.stream()
        .filter(path -> include.isEmpty() ? taken.contains(path) : matches(include, path))
        .filter(path -> !matches(exclude, path))
        .toList();
  }

  private List<String> chosen(List<String> paths) {
    List<String> chosen = new ArrayList<>();
    List<String> weightFiles = weightFiles(paths);
    boolean pickles = weightFiles.stream().anyMatch(path -> path.endsWith(".bin"));
    for (String path : paths) {
      boolean hidden = path.startsWith(".") || path.contains("/.");
      boolean indexOfOthers =
          VARIANT_INDEX.matcher(path).matches()
              || (path.endsWith(".bin.index.json") && !pickles)
              || (path.endsWith(".index.json") && !weights);
      if (!hidden
          && !isOtherFormat(path)
          && !indexOfOthers
          && matches(SMALL, path)
          && !matches(NEVER, path)) {
        chosen.add(path);
      }
    }
    if (weights) {
      chosen.addAll(weightFiles);
    }
    return chosen;
  }

  /// The files of one set of weights.
  static List<String> weightFiles(List<String> paths) {
    for (String ending : List.of(".safetensors", ".bin")) {
      List<String> all =
          paths.stream()
              .filter(path -> path.endsWith(ending) && !isOtherFormat(path))
              .filter(path -> !NO_MODEL.matcher(path).matches())
              .toList();
      List<String> top = all.stream().filter(path -> path.indexOf('/') < 0).toList();
      List<String> usual =
          top.stream()
              .filter(path -> !VARIANT.matcher(path).matches() && !path.startsWith("consolidated"))
              .toList();
      List<String> found = !usual.isEmpty() ? usual : !top.isEmpty() ? top : all;
      if (!found.isEmpty()) {
        return found;
      }
    }
    return List.of();
  }

  private static boolean isOtherFormat(String path) {
    int slash = path.indexOf('/');
    return slash > 0 && OTHER_FORMATS.contains(path.substring(0, slash).toLowerCase(Locale.ROOT));
  }

  /// As huggingface_hub matches: `*` also takes slashes, and a folder's name with a slash all in
  /// it.
  private static boolean matches(List<String> globs, String path) {
    return globs.stream().anyMatch(glob -> pattern(glob).matcher(path).matches());
  }

  private static Pattern pattern(String glob) {
    String whole = glob.endsWith("/") ? glob + "*" : glob;
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < whole.length(); i++) {
      char c = whole.charAt(i);
      int close = c == '[' ? whole.indexOf(']', i + 2) : -1;
      if (c == '*') {
        regex.append(".*");
      } else if (c == '?') {
        regex.append('.');
      } else if (close > 0) {
        String set = whole.substring(i + 1, close).replace("\\", "\\\\").replace("[", "\\[");
        regex.append('[').append(set.startsWith("!") ? "^" + set.substring(1) : set).append(']');
        i = close;
      } else {
        regex.append(Pattern.quote(String.valueOf(c)));
      }
    }
    return Pattern.compile(regex.toString(), Pattern.DOTALL);
  }
}
