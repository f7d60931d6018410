package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.tracer.ExternalTracer;
import dev.kerneltracer.tracer.Mode;
import dev.kerneltracer.tracer.Tracer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options of `trace` that choose tracers, and tell what there is to choose from.
final class TracerOptions {
  @Option(
      names = {"--tracers", "--tracer"},
      paramLabel = "NAME",
      split = ",",
      order = 3,
      description = "Which tracers to run, as names or globs such as torch_* (default: all).")
  private @Nullable List<String> names;

  @Option(
      names = "--mode",
      paramLabel = "eval|train",
      split = ",",
      order = 3,
      description =
          "eval: generation, or an encoder's forward pass. train: loss, backward pass and a step"
              + " of AdamW. Both: eval,train (default: eval).")
  private List<String> modes = List.of("eval");

  @Option(
      names = "--framework",
      paramLabel = "NAME",
      order = 3,
      completionCandidates = FrameworkNames.class,
      converter = FrameworkNames.class,
      description =
          "What runs the model: huggingface (Transformers) or vllm (default: huggingface).")
  private @Nullable Framework framework;

  @Option(
      names = "--tracer-path",
      paramLabel = "DIR",
      order = 3,
      description = "A directory of further tracers, one Python file each (docs/tracers.md).")
  private @Nullable Path path;

  @Option(names = "--list-tracers", order = 3, description = "List the tracers, and run nothing.")
  private boolean list;

  @Option(
      names = "--describe-tracer",
      paramLabel = "NAME",
      order = 3,
      description = "What a tracer records, needs and writes; runs nothing.")
  private @Nullable String described;

  /// Whether the command only tells what there is.
  boolean onlyTells() {
    return list || described != null;
  }

  String tell(OutputFormat format, Terminal terminal) {
    if (described != null) {
      List<Tracer> all = known(framework);
      Tracer tracer = Tracer.select(all, List.of(described)).getFirst();
      return format == OutputFormat.JSON
          ? TracerCatalog.json(tracer)
          : TracerCatalog.describe(tracer, terminal);
    }
    List<Tracer> listed = known(framework);
    return format == OutputFormat.JSON
        ? TracerCatalog.json(listed)
        : TracerCatalog.table(listed, terminal);
  }

  Framework framework() {
    return framework == null ? Framework.TRANSFORMERS : framework;
  }

  /// The tracers to run, each of them in every one of the [#modes] that it records.
  List<Tracer> chosen() {
    List<Tracer> known = known(framework());
    if (names == null) {
      Set<Mode> wanted = modes();
      return known.stream()
          .filter(tracer -> tracer.modes().stream().anyMatch(wanted::contains))
          .toList();
    }
    if (names.isEmpty()) {
      throw new UserException(ExitCode.USAGE, "--tracers names no tracer", null);
    }
    return Tracer.select(known, names);
  }

  /// Whether the user named the tracer, so that it is worth a word where it cannot run.
  boolean named() {
    return names != null;
  }

  Set<Mode> modes() {
    Set<Mode> found = EnumSet.noneOf(Mode.class);
    for (String text : modes) {
      try {
        found.add(Mode.valueOf(text.strip().toUpperCase(Locale.ROOT)));
      } catch (IllegalArgumentException e) {
        throw new UserException(
            ExitCode.USAGE, "--mode is eval, train or eval,train, not '" + text + "'", null);
      }
    }
    if (framework() == Framework.VLLM && found.contains(Mode.TRAIN)) {
      throw new UserException(
          ExitCode.USAGE, "--mode train: vLLM serves models and trains none", "Use --mode eval.");
    }
    return found;
  }

  private List<Tracer> known(@Nullable Framework of) {
    List<Tracer> known = new ArrayList<>(Tracer.ALL);
    if (path != null) {
      for (Tracer tracer : ExternalTracer.in(path)) {
        if (known.stream().anyMatch(other -> other.name().equals(tracer.name()))) {
          throw new UserException(
              ExitCode.USAGE,
              "--tracer-path: there is a tracer '" + tracer.name() + "' already",
              "Give it another 'name' in its TRACER.");
        }
        known.add(tracer);
      }
    }
    return of == null
        ? known
        : known.stream().filter(tracer -> tracer.framework().equals(of.resultName())).toList();
  }
}
