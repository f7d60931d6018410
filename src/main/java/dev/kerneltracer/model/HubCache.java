package dev.kerneltracer.model;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The local Hugging Face cache, read as `huggingface_hub` lays it out:
/// `models--ORG--NAME/{refs,snapshots/REVISION}`.
public final class HubCache {
  private final Path root;

  public HubCache(Path root) {
    this.root = root;
  }

  /// The cache that the environment names: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
  /// `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`.
  public static HubCache of(Map<String, String> environment) {
    for (String name : new String[] {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
      String value = environment.get(name);
      if (value != null && !value.isEmpty()) {
        return new HubCache(expanded(value));
      }
    }
    String home = environment.get("HF_HOME");
    if (home != null && !home.isEmpty()) {
      return new HubCache(expanded(home).resolve("hub"));
    }
    String xdg = environment.get("XDG_CACHE_HOME");
    Path caches =
        xdg != null && !xdg.isEmpty()
            ? expanded(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return new HubCache(caches.resolve("huggingface/hub"));
  }

  /// As huggingface_hub does it, a leading `~/` is the home directory.
  private static Path expanded(String path) {
    return path.startsWith("~/")
        ? Path.of(System.getProperty("user.home"), path.substring(2))
        : Path.of(path);
  }

  public Path root() {
    return root;
  }

  /// The snapshot of a model's revision `main`, or its only snapshot.
  ///
  /// @throws UserException where the model, or its config.json, is not in the cache
  public ModelReference.Hub find(String name) {
    Path model = root.resolve("models--" + name.replace("/", "--"));
    Path snapshot = snapshot(model);
    if (snapshot == null || !Files.exists(snapshot.resolve("config.json"))) {
      String what =
          Files.isDirectory(model)
              ? "is in the Hugging Face cache without its config.json"
              : "is not in the Hugging Face cache";
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          name + " " + what + " (" + root + ")",
          "Fetch it with `hf download "
              + name
              + "`, or use --model-path DIR, or --model type:NAME for random weights without a"
              + " download.");
    }
    return new ModelReference.Hub(name, snapshot);
  }

  private static @Nullable Path snapshot(Path model) {
    try {
      Path main = model.resolve("refs/main");
      if (Files.exists(main)) {
        Path snapshot = model.resolve("snapshots").resolve(Files.readString(main).strip());
        return Files.isDirectory(snapshot) ? snapshot : null;
      }
      Path snapshots = model.resolve("snapshots");
      if (!Files.isDirectory(snapshots)) {
        return null;
      }
      try (Stream<Path> all = Files.list(snapshots)) {
        return all.sorted().findFirst().orElse(null);
      }
    } catch (IOException e) {
      return null;
    }
  }
}
