package dev.kerneltracer.model;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What the user called the model, resolved.
public sealed interface ModelReference {
  /// How the user wrote it.
  String label();

  /// The directory with its config.json and weights; null for a type, which has none.
  @Nullable Path directory();

  /// The two directory levels of its results: `org/name`, `local/FOLDER` or `type/NAME`.
  Path resultPath();

  /// A model in the Hugging Face cache.
  ///
  /// @param name `org/name`
  /// @param directory its snapshot; the directory's name is the revision
  record Hub(String name, Path directory) implements ModelReference {
    @Override
    public String label() {
      return name;
    }

    @Override
    public Path resultPath() {
      return name.contains("/") ? Path.of(name) : Path.of("huggingface", name);
    }
  }

  /// A directory with a config.json, given by `--model-path`.
  record Directory(Path directory) implements ModelReference {
    @Override
    public String label() {
      return directory.toString();
    }

    @Override
    public Path resultPath() {
      return Path.of("local", String.valueOf(directory.getFileName()));
    }
  }

  /// The default configuration of a Transformers model type: no download, random weights.
  record Type(String name) implements ModelReference {
    @Override
    public String label() {
      return "type:" + name;
    }

    @Override
    public @Nullable Path directory() {
      return null;
    }

    @Override
    public Path resultPath() {
      return Path.of("type", name);
    }
  }

  /// A hub name: an optional organisation and a name, as the hub allows them.
  Pattern HUB_NAME = Pattern.compile("([A-Za-z0-9][\\w.-]*/)?[A-Za-z0-9][\\w.-]*");

  Pattern TYPE_NAME = Pattern.compile("[A-Za-z0-9][\\w.-]*");

  /// Whether it may be the name of a model on the hub, and so a path of the cache.
  static boolean isHubName(String text) {
    return HUB_NAME.matcher(text).matches() && !text.contains("..") && !text.contains("--");
  }

  /// What `--model TEXT` means.
  ///
  /// @throws UserException where the text is no model or the model is not there
  static ModelReference parse(String text, Map<String, String> environment) {
    if (text.startsWith("type:")) {
      String name = text.substring("type:".length());
      if (!TYPE_NAME.matcher(name).matches()) {
        throw new UserException(
            ExitCode.USAGE, "'" + text + "' names no model type", "Write it as type:qwen3.");
      }
      return new Type(name);
    }
    if (isHubName(text)) {
      return HubCache.of(environment).find(text);
    }
    if (Files.isDirectory(Path.of(text))) {
      throw new UserException(
          ExitCode.USAGE, "'" + text + "' is a directory", "Use --model-path " + text + ".");
    }
    throw new UserException(
        ExitCode.USAGE,
        "'" + text + "' is no model name",
        "Use org/name for a model of the Hugging Face cache, or type:NAME for a model type.");
  }

  /// What `--model-path DIRECTORY` means.
  static ModelReference directory(Path path) {
    Path directory = path.toAbsolutePath().normalize();
    if (!Files.isDirectory(directory)) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "there is no directory " + path,
          "--model-path takes a directory with a config.json.");
    }
    return new Directory(directory);
  }
}
