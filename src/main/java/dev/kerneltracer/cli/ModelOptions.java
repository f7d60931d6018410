package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.batch.ModelList;
import dev.kerneltracer.model.HubCache;
import dev.kerneltracer.model.HubDownload;
import dev.kerneltracer.model.ModelFiles;
import dev.kerneltracer.model.ModelReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/// The options of `trace` that say which models are traced.
final class ModelOptions {
  @Option(
      names = {"--model", "--models"},
      paramLabel = "MODEL",
      split = ",",
      order = 1,
      description =
          "org/name on the hub or in its cache, type:NAME for a model type, or a glob over the"
              + " cache. Repeatable.")
  private List<String> names = new ArrayList<>();

  @Option(
      names = "--model-path",
      paramLabel = "DIR",
      order = 1,
      description = "A directory with a config.json. Repeatable.")
  private List<Path> paths = new ArrayList<>();

  @Option(
      names = {"--model-list", "--models-file"},
      paramLabel = "FILE",
      order = 2,
      description =
          "A file of models: one a line, as for --model, or a directory such as ./x; # begins a"
              + " comment.")
  private List<Path> lists = new ArrayList<>();

  @Option(
      names = {"--skip-model", "--skip-models"},
      paramLabel = "MODEL",
      split = ",",
      order = 2,
      description = "Leave these out: names or globs. Repeatable.")
  private List<String> skipped = new ArrayList<>();

  @Option(
      names = {"--skip-model-list", "--skip-models-file"},
      paramLabel = "FILE",
      order = 2,
      description = "A file of models to leave out.")
  private List<Path> skipLists = new ArrayList<>();

  /// The models in the order of their naming. One of the hub that is not in the cache lies, as far
  /// as is known, in a directory that does not exist.
  ///
  /// @param offline nothing can be fetched
  /// @throws UserException where there is none, or one cannot be had
  List<ModelReference> resolve(boolean offline, Map<String, String> environment) {
    return resolve("trace", offline, environment);
  }

  /// The one model that a command which takes one is given; it must be here.
  ///
  /// @param command as users call it
  ModelReference one(String command, Map<String, String> environment) {
    List<ModelReference> models = resolve(command, true, environment);
    if (models.size() > 1) {
      throw new UserException(
          ExitCode.USAGE,
          command + " takes one model, not " + models.size(),
          "Run it once for each, with an --output-dir of its own.");
    }
    return models.getFirst();
  }

  private List<ModelReference> resolve(
      String command, boolean offline, Map<String, String> environment) {
    List<String> wanted = new ArrayList<>(names);
    List<Path> directories = new ArrayList<>(paths);
    for (Path list : lists) {
      for (String line : ModelList.read(list)) {
        if (line.matches("\\.{0,2}/.*")) {
          directories.add(Path.of(line));
        } else {
          wanted.add(line);
        }
      }
    }
    if (wanted.isEmpty() && directories.isEmpty()) {
      throw new UserException(
          ExitCode.USAGE,
          lists.isEmpty()
              ? command + " needs a model: --model NAME or --model-path DIR"
              : lists.getFirst() + " names no model",
          "To try it: kerneltracer " + command + " --model type:qwen3 --tiny");
    }
    List<String> unwanted = new ArrayList<>(skipped);
    skipLists.forEach(file -> unwanted.addAll(ModelList.read(file)));
    HubCache cache = HubCache.of(environment);
    List<ModelReference> models = new ArrayList<>();
    List<String> chosen = ModelList.choose(wanted, unwanted, cache::names);
    boolean alone = chosen.size() + directories.size() == 1;
    for (String name : chosen) {
      models.add(model(name, cache, offline && alone, environment));
    }
    for (Path path : directories) {
      models.add(ModelReference.directory(path));
    }
    if (models.isEmpty()) {
      throw new UserException(
          ExitCode.USAGE, "every model named is to be left out", "See --skip-model-list.");
    }
    for (ModelReference model : models) {
      if (model instanceof ModelReference.Directory local) {
        ModelFiles.configuration(local.directory());
      }
    }
    return models;
  }

  private static ModelReference model(
      String name, HubCache cache, boolean mustBeHere, Map<String, String> environment) {
    if (!mustBeHere && ModelReference.isHubName(name)) {
      HubCache.Snapshot there = cache.snapshot(name, HubDownload.DEFAULT_REVISION);
      return new ModelReference.Hub(
          name, there == null ? cache.root().resolve("absent").resolve(name) : there.directory());
    }
    return ModelReference.parse(name, environment);
  }
}
